"""What may be set: one class a section, one field a setting, each with its unit, its default, its meaning.

docs/reference/settings.md is generated from these descriptions. How values are read is told in `reading`; the
sections of Kafka and Redis are in `link_sections`.
"""

from typing import Literal, Self

from pydantic import (
    ByteSize,
    Field,
    FilePath,
    field_validator,
    model_validator,
)

from bridge.settings.field_types import Host, HostNames, Networks, Port, PositiveBytes, Uri
from bridge.settings.kafka import KafkaSettings
from bridge.settings.redis import RedisSettings
from bridge.settings.section import Section
from bridge.settings.tls_files import load_server_tls_files

__all__ = [
    "AdminSettings",
    "DedupSettings",
    "HttpSettings",
    "KafkaSettings",
    "LogSettings",
    "PullSettings",
    "RedisSettings",
    "SchemasSettings",
    "Section",
    "SpoolSettings",
]

MIB = 1024 * 1024


class HttpSettings(Section):
    """The door that notifications are pushed to."""

    host: Host = Field(default="", description="Address to listen on; empty: all, by IPv4 and IPv6.")
    port: Port = Field(default=8080, description="Port to listen on; 0 takes a free one.")
    hold_s: float = Field(
        default=6,
        ge=0,
        le=60,
        description="Seconds for which a delivery that could not be made durable stays unanswered; 0 = off.",
    )
    held_max: int = Field(
        default=2000, ge=0, description="Deliveries kept while held; beyond, only the silence is."
    )
    held_max_bytes: PositiveBytes = Field(
        default=ByteSize(64 * MIB), description="Bytes of bodies kept while held."
    )
    body_max_bytes: PositiveBytes = Field(
        default=ByteSize(4 * MIB), description="Largest body, as received and after decompression."
    )
    bodies_max_bytes: PositiveBytes = Field(
        default=ByteSize(128 * MIB),
        description="Bytes of bodies in work at once; further deliveries wait for room.",
    )
    connections_max: int = Field(
        default=16_384, ge=1, description="Most connections; at the cap the longest idle one is closed."
    )
    read_timeout_s: float = Field(
        default=10, gt=0, le=300, description="Seconds from a request's first byte to its last."
    )
    write_timeout_s: float = Field(
        default=30,
        gt=0,
        le=300,
        description="Seconds after which a client that does not read its answers is closed.",
    )
    tls_certfile: FilePath | None = Field(
        default=None,
        description="PEM file of the certificate, its chain behind it: with it the port speaks TLS only."
        " Followed when it changes.",
    )
    tls_keyfile: FilePath | None = Field(
        default=None, description="PEM file of its key, without a password. Followed when it changes."
    )
    tls_client_cafile: FilePath | None = Field(
        default=None,
        description="PEM file of authorities: every client must show a certificate of one of them. Followed"
        " when it changes.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Networks of your proxies, comma-separated: their X-Forwarded-For names the client in the"
        " log of refusals. Nothing else depends on it.",
    )

    @model_validator(mode="after")
    def _check_body_budget(self) -> Self:
        if self.bodies_max_bytes < 2 * self.body_max_bytes:
            raise ValueError("bodies_max_bytes must be at least twice body_max_bytes")
        return self

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if bool(self.tls_certfile) != bool(self.tls_keyfile):
            raise ValueError("tls_certfile and tls_keyfile go together")
        if self.tls_client_cafile and not self.tls_certfile:
            raise ValueError(
                "tls_client_cafile needs tls_certfile and tls_keyfile: without TLS nobody is asked"
            )
        if self.tls_certfile and self.tls_keyfile:
            load_server_tls_files(self.tls_certfile, self.tls_keyfile, self.tls_client_cafile)
        return self


class AdminSettings(Section):
    """The operators' door: /livez, /readyz, /metrics."""

    host: Host = Field(default="", description="Address to listen on; empty: all, by IPv4 and IPv6.")
    port: Port = Field(default=9090, description="Port to listen on; 0 takes a free one.")
    allowed_hosts: HostNames = Field(
        default="",
        description="Further names, comma-separated, by which a browser may ask for pages; addresses and"
        " private names (without a dot, .svc, .local, .internal) always may. Probes and metrics: any name.",
    )


class SpoolSettings(Section):
    """Where events wait on disk while Kafka does not take them."""

    path: str = Field(
        default="/var/lib/vod-event-bridge",
        min_length=1,
        description="Folder of the spool, on a volume of this process' own.",
    )
    max_bytes: ByteSize = Field(
        default=ByteSize(1024 * MIB), description="Hard limit of bytes on disk, from 1 MiB; 0 = no spool."
    )
    free_min_bytes: ByteSize = Field(
        default=ByteSize(64 * MIB), description="Bytes left free on the volume: the spool takes no more then."
    )
    drain_on_stop: bool = Field(
        default=False,
        description="Whether a stop empties the spool in the time it has, for volumes that do not last.",
    )

    @field_validator("max_bytes")
    @classmethod
    def _check_min_size(cls, value: ByteSize) -> ByteSize:
        if 0 < value < MIB:
            raise ValueError("must be 0 (no spool) or at least 1 MiB (1048576)")
        return value


class DedupSettings(Section):
    """How redeliveries are told from new events."""

    when_unavailable: Literal["publish", "hold"] = Field(
        default="publish", description="While Redis is away: publish without deduplication, or hold."
    )
    timeout_ms: int = Field(
        default=250, ge=10, le=4000, description="Milliseconds after which Redis counts as away."
    )
    remember_days: float = Field(
        default=4,
        gt=0,
        le=365,
        description="Days for which a finished event is remembered (a pull queue keeps 4).",
    )


class PullSettings(Section):
    """How queues are pulled, for applications in mode pull."""

    batches: int = Field(
        default=8, ge=1, le=64, description="Batches of 16 events in work at once, for each application."
    )


class SchemasSettings(Section):
    """How records name their schema."""

    base_uri: Uri = Field(
        default="urn:vod-event-bridge:schemas:",
        description="Start of the ce_dataschema header; the schema's name follows.",
    )


class LogSettings(Section):
    """What is logged."""

    deliveries: Literal["all", "problems", "none"] = Field(
        default="problems",
        description="Deliveries with a line of their own; problems: all but published, duplicate.",
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level logged."
    )
    format: Literal["json", "console", "auto"] = Field(
        default="auto", description="json, console, or auto: console on a terminal, else json."
    )
