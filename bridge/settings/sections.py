"""What may be set: one class a section, one field a setting, each with its unit, its default, its meaning.

The table in the README is drawn from these descriptions. How values are read is told in `reading`.
"""

from typing import Literal, Self

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    FilePath,
    SecretStr,
    field_validator,
    model_validator,
)

from bridge.settings.addresses import fitting
from bridge.settings.kinds import (
    Brokers,
    Bytes,
    Host,
    Port,
    RedisUrl,
    Topic,
    TopicTemplate,
)

MIB = 1024 * 1024


class Section(BaseModel):
    """A section takes no name that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpSettings(Section):
    """The door that notifications are pushed to."""

    host: Host = Field(default="0.0.0.0", description="Address to listen on.")  # noqa: S104 - a door is for outside
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
    held_max_bytes: Bytes = Field(default=ByteSize(64 * MIB), description="Bytes of bodies kept while held.")
    body_max_bytes: Bytes = Field(
        default=ByteSize(4 * MIB), description="Largest body, as received and after decompression."
    )
    bodies_max_bytes: Bytes = Field(
        default=ByteSize(128 * MIB),
        description="Bytes of bodies in work at once; further deliveries wait for room.",
    )
    connections_max: int = Field(
        default=16_384, ge=1, description="Most connections; at the cap the longest idle one is closed."
    )
    read_timeout_s: float = Field(
        default=10, gt=0, le=300, description="Seconds from a request's first byte to its last."
    )

    @model_validator(mode="after")
    def _one_body_fits(self) -> Self:
        if self.bodies_max_bytes < 2 * self.body_max_bytes:
            raise ValueError("bodies_max_bytes must be at least twice body_max_bytes")
        return self


class AdminSettings(Section):
    """The operators' door: /livez, /readyz, /metrics."""

    host: Host = Field(default="0.0.0.0", description="Address to listen on.")  # noqa: S104 - probes come from outside
    port: Port = Field(default=9090, description="Port to listen on; 0 takes a free one.")


class KafkaSettings(Section):
    """Where events are published."""

    bootstrap_servers: Brokers = Field(
        default="localhost:9092",
        description="Brokers to ask first: host:port, comma-separated.",
    )
    topic: TopicTemplate = Field(
        default="vod.{type}", description="Topic of an event: a template of {type} and {app}."
    )
    topic_other: Topic = Field(
        default="vod.other", description="Topic of the types that the catalogue does not know."
    )
    topic_dead_letter: Topic = Field(
        default="vod.dead-letter", description="Topic of what can never be an event."
    )
    client_id: str = Field(default="vod-event-bridge", min_length=1, description="Name shown to the brokers.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        default="PLAIN", description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; with SASL_* only."
    )
    sasl_username: str = Field(default="", description="User for PLAIN and SCRAM.")
    sasl_password: SecretStr = Field(default=SecretStr(""), description="Password for PLAIN and SCRAM.")
    sasl_token_file: FilePath | None = Field(
        default=None, description="File with the OAUTHBEARER token; read again at each login."
    )
    ssl_cafile: FilePath | None = Field(
        default=None, description="Certificates to trust; the system's where not set."
    )
    ssl_certfile: FilePath | None = Field(
        default=None, description="The bridge's own certificate, for mutual TLS."
    )
    ssl_keyfile: FilePath | None = Field(default=None, description="The key of that certificate.")
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field(
        default="none", description="none, gzip, or snappy, lz4, zstd where the cramjam package is installed."
    )
    batch_max_bytes: Bytes = Field(
        default=ByteSize(512 * 1024), description="Largest batch for one partition."
    )
    in_flight_max_bytes: Bytes = Field(
        default=ByteSize(64 * MIB), description="Bytes handed to the producer and not yet acknowledged."
    )
    slow_after_s: float = Field(
        default=2, gt=0, le=60, description="Seconds after which a send counts as slow and opens the breaker."
    )

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        if self.security_protocol.startswith("SASL"):
            if self.sasl_mechanism == "OAUTHBEARER":
                if self.sasl_token_file is None:
                    raise ValueError("OAUTHBEARER needs sasl_token_file")
            elif not (self.sasl_username and self.sasl_password.get_secret_value()):
                raise ValueError(f"{self.sasl_mechanism} needs sasl_username and sasl_password")
        elif self.sasl_username or self.sasl_password.get_secret_value() or self.sasl_token_file:
            raise ValueError("a login needs security_protocol SASL_PLAINTEXT or SASL_SSL")
        if bool(self.ssl_certfile) != bool(self.ssl_keyfile):
            raise ValueError("ssl_certfile and ssl_keyfile go together")
        return self


class RedisSettings(Section):
    """The memory of what was seen."""

    url: RedisUrl = Field(
        default="redis://localhost:6379/0",
        repr=False,
        description="redis://[user:password@]host:port/db, rediss:// for TLS, or unix:///path. Of sentinels"
        " or a cluster several: host:port,host:port.",
    )
    sentinel_service: str = Field(
        default="",
        description="The master's name at the sentinels; with it the URL's hosts are sentinels, its login and"
        " db the master's.",
    )
    sentinel_username: str = Field(default="", description="User at the sentinels, where they ask for one.")
    sentinel_password: SecretStr = Field(
        default=SecretStr(""), description="Password at the sentinels, where they ask for one."
    )
    cluster: bool = Field(
        default=False, description="Whether the URL's hosts are nodes of a Redis Cluster; one is enough."
    )

    @model_validator(mode="after")
    def _one_way_leads_there(self) -> Self:
        fitting(self.url, sentinels=bool(self.sentinel_service), cluster=self.cluster)
        at_sentinels = (self.sentinel_username, self.sentinel_password.get_secret_value())
        if any(at_sentinels) and not self.sentinel_service:
            raise ValueError("sentinel_username and sentinel_password need sentinel_service")
        if at_sentinels[0] and not at_sentinels[1]:
            raise ValueError("sentinel_username needs sentinel_password")
        return self


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
    def _none_or_enough(cls, value: ByteSize) -> ByteSize:
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

    base_uri: str = Field(
        default="urn:vod-event-bridge:schemas:",
        min_length=1,
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
