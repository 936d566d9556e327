"""All settings, read once at the start. Precedence: environment, TOML file, defaults.

No part reads an environment variable itself; `bridge.wiring` passes plain values to each.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic.types import StringConstraints

from bridge.core.application import Application
from bridge.core.record import Routing
from bridge.settings.apps import AppSettings
from bridge.settings.errors import SettingIssue, SettingNamer, SettingsError, issues_from
from bridge.settings.in_force import SettingInForce, settings_in_force
from bridge.settings.sections import (
    MIB,
    AdminSettings,
    DedupSettings,
    HttpSettings,
    KafkaSettings,
    LogSettings,
    PullSettings,
    RedisSettings,
    SchemasSettings,
    Section,
    SpoolSettings,
)
from bridge.settings.sources import merge, read_environment, read_file
from bridge.settings.tls_files import load_tls_files
from bridge.settings.tracing import TracingSettings
from bridge.settings.weaknesses import Weakness, weaknesses

__all__ = ["AppSettings", "SettingIssue", "Settings", "SettingsError", "Weakness", "describe", "load"]

AppName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]


class Settings(Section):
    """All settings of the bridge, validated."""

    http: HttpSettings = HttpSettings()
    admin: AdminSettings = AdminSettings()
    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    spool: SpoolSettings = SpoolSettings()
    dedup: DedupSettings = DedupSettings()
    pull: PullSettings = PullSettings()
    schemas: SchemasSettings = SchemasSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
    apps: dict[AppName, AppSettings] = Field(default_factory=dict)
    _namer: SettingNamer = PrivateAttr(default_factory=SettingNamer)

    @field_validator("kafka")
    @classmethod
    def _check_tls_files(cls, kafka: KafkaSettings) -> KafkaSettings:
        if kafka.security_protocol.endswith("SSL"):
            load_tls_files(kafka.ssl_cafile, kafka.ssl_certfile, kafka.ssl_keyfile)
        return kafka

    @model_validator(mode="after")
    def _check_spool_share(self) -> Self:
        if 0 < self.spool.max_bytes < self.http.workers * MIB:
            raise ValueError("spool.max_bytes must be at least 1 MiB (1048576) for each of http.workers")
        return self

    def applications(self) -> dict[str, Application]:
        """Return all applications by name; with none configured, one named ``default``: push, unsigned."""
        return {
            name: _application(name, app) for name, app in (self.apps or {"default": AppSettings()}).items()
        }

    def routing(self) -> Routing:
        """Return the topics that records go to."""
        return Routing(
            topic=self.kafka.topic,
            topic_other=self.kafka.topic_other,
            topic_dead_letter=self.kafka.topic_dead_letter,
            schema_base_uri=self.schemas.base_uri,
            schema_ids=self.schemas.ids(),
        )

    def weaknesses(self) -> list[Weakness]:
        """Return settings that are valid but weak, or maybe a mistake; for the start and ``check``."""
        return weaknesses(self.apps, self.kafka, self.redis, self.admin)

    def in_force(self) -> list[SettingInForce]:
        """Return every setting with its value and where it came from; secrets are masked."""
        return settings_in_force(self, self._namer)


def load(config: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read and validate all settings; raises `SettingsError` with every mistake at once.

    ``config`` is a TOML file; where it is not given, the one that ``BRIDGE_CONFIG`` names, if any.
    """
    environment = os.environ if environment is None else environment
    config_path = config or environment.get("BRIDGE_CONFIG") or None
    values, issues = read_environment(environment)
    names = SettingNamer(overriding=values)
    if config_path:
        file_values, file_issues = read_file(Path(config_path), "--config" if config else "BRIDGE_CONFIG")
        names = SettingNamer(str(config_path), file_values, values)
        values, issues = merge(values, file_values), issues + file_issues
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(issues + issues_from(error, Settings, names)) from None
    if issues:
        raise SettingsError(issues)
    settings._namer = names  # noqa: SLF001 - of the object that is made here
    return settings


def describe() -> list[tuple[str, str, str]]:
    """List every setting as (environment variable, default, meaning), for docs/reference."""
    rows = []
    for section, field in Settings.model_fields.items():
        model = AppSettings if section == "apps" else field.annotation
        prefix = "BRIDGE_APPS__<NAME>" if section == "apps" else f"BRIDGE_{section.upper()}"
        if not (isinstance(model, type) and issubclass(model, Section)):
            raise TypeError(f"{section} is no section")
        for name, inner in model.model_fields.items():
            default = (
                ""
                if inner.default in (None, ()) or "Secret" in repr(inner.annotation)
                else str(inner.default)
            )
            rows.append((f"{prefix}__{name.upper()}", default, inner.description or ""))
    return rows


def _application(name: str, app: AppSettings) -> Application:
    keys = app.sign_keys or ((app.sign_key,) if app.sign_key else ())
    return Application(
        name=name,
        mode=app.mode,
        sub_app_id=app.sub_app_id,
        sign_keys=tuple(key.get_secret_value() for key in keys),
        signature_required=app.signature == "required",
        token=app.token.get_secret_value() if app.token else "",
    )
