"""The sections of the settings: one class a section, one field a setting, with default, unit and meaning.

docs/reference/settings.md is generated from these descriptions. `sources` reads the values; the larger
sections are in `kafka`, `redis`, `apps` and `tracing`.
"""

from typing import Literal, Self

from pydantic import (
    ByteSize,
    Field,
    FilePath,
    PrivateAttr,
    field_validator,
    model_validator,
)

from bridge.core.schema_ids import SchemaIds, parse_schema_ids
from bridge.settings.field_types import (
    Host,
    HostNames,
    Networks,
    Peers,
    Port,
    PositiveBytes,
    PublicUrl,
    Secret,
    Uri,
)
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
    """The HTTP ingress that notifications are pushed to."""

    host: Host = Field(default="", description="Address to listen on; empty: all, by IPv4 and IPv6.")
    port: Port = Field(default=8080, description="Port to listen on; 0 takes a free one.")
    public_url: PublicUrl = Field(
        default="",
        description="URL by which the vendor reaches this port, without /callbacks; the console shows"
        " callback URLs with it, and posts its tests there.",
    )
    workers: int = Field(
        default=1,
        ge=0,
        le=64,
        description="Worker processes that share the port, under one supervisor; 0: one for each usable core."
        " connections_max, held_max, held_max_bytes, bodies_max_bytes, spool.max_bytes,"
        " kafka.in_flight_max_bytes and pull.batches are divided among them.",
    )
    hold_s: float = Field(
        default=6,
        ge=0,
        le=60,
        description="Seconds for which the response is withheld where nothing durable was reached; 0 = off.",
    )
    held_max: int = Field(
        default=2000,
        ge=0,
        description="Most held deliveries kept for a retry; of further ones only the response is held.",
    )
    held_max_bytes: PositiveBytes = Field(
        default=ByteSize(64 * MIB), description="Most bytes of bodies kept while held."
    )
    body_max_bytes: PositiveBytes = Field(
        default=ByteSize(4 * MIB), description="Largest body, as received and after decompression."
    )
    bodies_max_bytes: PositiveBytes = Field(
        default=ByteSize(128 * MIB),
        description="Most bytes of request bodies in memory at once; further requests wait.",
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
        description="Seconds after which a client that does not read its responses is disconnected.",
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
        " log of rejected requests. Nothing else depends on it.",
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
                "tls_client_cafile needs tls_certfile and tls_keyfile: client certificates need TLS"
            )
        if self.tls_certfile and self.tls_keyfile:
            load_server_tls_files(self.tls_certfile, self.tls_keyfile, self.tls_client_cafile)
        return self


class AdminSettings(Section):
    """The admin endpoint: /livez, /readyz, /metrics, the console and its API."""

    host: Host = Field(default="", description="Address to listen on; empty: all, by IPv4 and IPv6.")
    port: Port = Field(default=9090, description="Port to listen on; 0 takes a free one.")
    allowed_hosts: HostNames = Field(
        default="",
        description="Further names, comma-separated, by which a browser may ask for pages; addresses and"
        " private names (without a dot, .svc, .local, .internal) always may. Probes and metrics: any name.",
    )
    token: Secret | None = Field(
        default=None,
        description="Who gives it may replay dead letters; without it the console and the API only show.",
    )
    read_token: Secret | None = Field(
        default=None,
        description="Where set, the console and the API show nothing without it (or token). Probes and"
        " metrics never ask for one.",
    )
    show_payloads: bool = Field(
        default=False,
        description="Whether the console and the API show whole payloads; else ids and codes only.",
    )
    peers: Peers = Field(
        default="",
        description="The other replicas, which the console shows too: host or host:port, comma-separated;"
        " without a port this one's. All addresses of a name are asked (a headless service), its own is left"
        " out. They are asked with read_token.",
    )

    @property
    def host_names(self) -> list[str]:
        """The names in `allowed_hosts`."""
        return [name.strip() for name in self.allowed_hosts.split(",") if name.strip()]


class SpoolSettings(Section):
    """The spool: events on disk while Kafka is unavailable."""

    path: str = Field(
        default="/var/lib/vod-event-bridge",
        min_length=1,
        description="Directory of the spool, on a volume that no other process uses.",
    )
    max_bytes: ByteSize = Field(
        default=ByteSize(1024 * MIB), description="Hard limit of bytes on disk, from 1 MiB; 0 = no spool."
    )
    free_min_bytes: ByteSize = Field(
        default=ByteSize(64 * MIB),
        description="Bytes to leave free on the volume: below it the spool takes no more records.",
    )
    drain_on_stop: bool = Field(
        default=False,
        description="Whether a stop drains the spool within its time, for volumes that do not persist.",
    )

    @field_validator("max_bytes")
    @classmethod
    def _check_min_size(cls, value: ByteSize) -> ByteSize:
        if 0 < value < MIB:
            raise ValueError("must be 0 (no spool) or at least 1 MiB (1048576)")
        return value


class DedupSettings(Section):
    """Deduplication of redeliveries, in Redis."""

    when_unavailable: Literal["publish", "hold"] = Field(
        default="publish", description="While Redis is unavailable: publish without deduplication, or hold."
    )
    timeout_ms: int = Field(
        default=250,
        ge=10,
        le=4000,
        description="Milliseconds after which a call to Redis fails and Redis counts as unavailable.",
    )
    remember_days: float = Field(
        default=4,
        gt=0,
        le=365,
        description="Days for which the key of a committed event is kept (a pull queue keeps events 4 days).",
    )


class PullSettings(Section):
    """Polling of the vendor's queues, for applications in mode pull."""

    batches: int = Field(
        default=8, ge=1, le=64, description="Batches of 16 events in progress at once, for each application."
    )


class SchemasSettings(Section):
    """The schema that records name."""

    base_uri: Uri = Field(
        default="urn:vod-event-bridge:schemas:",
        description="Prefix of the ce_dataschema header; the schema's name follows.",
    )
    ids_file: FilePath | None = Field(
        default=None,
        description="File that `vod-bridge schemas --register URL --ids FILE` wrote: records carry the"
        " registry's schema id as the header __value_schema_id. Read at the start.",
    )
    _ids: SchemaIds | None = PrivateAttr(None)

    @field_validator("ids_file")
    @classmethod
    def _check_ids(cls, path: FilePath | None) -> FilePath | None:
        _read_ids(path)
        return path

    @model_validator(mode="after")
    def _keep_ids(self) -> Self:
        self._ids = _read_ids(self.ids_file)
        return self

    def ids(self) -> SchemaIds | None:
        """Return the ids that records carry; None: they carry none."""
        return self._ids


def _read_ids(path: FilePath | None) -> SchemaIds | None:
    try:
        return None if path is None else parse_schema_ids(path.read_bytes())
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None


class LogSettings(Section):
    """Logging."""

    deliveries: Literal["all", "problems", "none"] = Field(
        default="problems",
        description="Deliveries that get a log line; problems: all but published, duplicate.",
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level that is logged."
    )
    format: Literal["json", "console", "auto"] = Field(
        default="auto", description="json, console, or auto: console on a terminal, else json."
    )
