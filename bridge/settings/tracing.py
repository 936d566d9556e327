"""Turns tracing on. OpenTelemetry's SDK reads its own variables for the exporter."""

from importlib.util import find_spec

from pydantic import Field, field_validator

from bridge.settings.sections import Section


class TracingSettings(Section):
    """Tracing with OpenTelemetry."""

    enabled: bool = Field(
        default=False,
        description="Whether OpenTelemetry spans are sent, as the OTEL_* variables say; needs the extra:"
        " pip install 'vod-event-bridge[otel]'.",
    )

    @field_validator("enabled")
    @classmethod
    def _check_installed(cls, value: bool) -> bool:  # noqa: FBT001 - pydantic's signature
        if value and not _installed("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http"):
            raise ValueError("needs: pip install 'vod-event-bridge[otel]'")
        return value


def _installed(*modules: str) -> bool:
    try:
        return all(find_spec(module) for module in modules)
    except ModuleNotFoundError:  # its parent package is missing
        return False
