"""What may be set of the links to Kafka and Redis: addresses, logins, certificates, and their limits."""

from typing import Annotated, Literal, Self

from pydantic import ByteSize, Field, FilePath, SecretStr, model_validator

from bridge.settings.field_types import Brokers, PositiveBytes, RedisUrl, SecretFile, Topic, TopicTemplate
from bridge.settings.redis_url import (
    check_given_once,
    check_tls_files,
    check_topology,
    has_url_password,
    load_tls_files,
)
from bridge.settings.section import Section

MIB = 1024 * 1024

# Both links take the same three files.
_CaFile = Annotated[
    FilePath | None,
    Field(description="Certificates to trust; the system's where not set. Read again when renewed."),
]
_CertFile = Annotated[
    FilePath | None,
    Field(description="The bridge's own certificate, for mutual TLS. Read again when renewed."),
]
_KeyFile = Annotated[
    FilePath | None, Field(description="The key of that certificate. Read again when renewed.")
]


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
    topic_max_message_bytes: PositiveBytes = Field(
        default=ByteSize(16 * MIB),
        ge=MIB,
        le=16 * MIB,
        description="max.message.bytes of the topics that `vod-bridge topics` makes, and the least that"
        " `check` expects.",
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
    sasl_password_file: SecretFile | None = Field(
        default=None,
        description="File with that password, instead; read again at each login (with PLAIN, at the start).",
    )
    sasl_token_file: SecretFile | None = Field(
        default=None, description="File with the OAUTHBEARER token; read again at each login."
    )
    ssl_cafile: _CaFile = None
    ssl_certfile: _CertFile = None
    ssl_keyfile: _KeyFile = None
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field(
        default="none", description="none, gzip, or snappy, lz4, zstd where the cramjam package is installed."
    )
    batch_max_bytes: PositiveBytes = Field(
        default=ByteSize(512 * 1024), description="Largest batch for one partition."
    )
    in_flight_max_bytes: PositiveBytes = Field(
        default=ByteSize(64 * MIB), description="Bytes handed to the producer and not yet acknowledged."
    )
    slow_after_s: float = Field(
        default=2, gt=0, le=60, description="Seconds after which a send counts as slow and opens the breaker."
    )

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        if self.security_protocol.startswith("SASL"):
            if self.sasl_mechanism == "OAUTHBEARER":
                if self.sasl_token_file is None:
                    raise ValueError("OAUTHBEARER needs sasl_token_file")
            elif not (self.sasl_username and self._has_password):
                raise ValueError(f"{self.sasl_mechanism} needs sasl_username and sasl_password")
        elif self.sasl_username or self._has_password or self.sasl_token_file:
            raise ValueError("a login needs security_protocol SASL_PLAINTEXT or SASL_SSL")
        if bool(self.ssl_certfile) != bool(self.ssl_keyfile):
            raise ValueError("ssl_certfile and ssl_keyfile go together")
        return self

    @property
    def _has_password(self) -> bool:
        given = bool(self.sasl_password.get_secret_value())
        if given and self.sasl_password_file:
            raise ValueError("sasl_password is given twice, also as sasl_password_file")
        return given or self.sasl_password_file is not None


class RedisSettings(Section):
    """The memory of what was seen."""

    url: RedisUrl = Field(
        default="redis://localhost:6379/0",
        repr=False,
        description="redis://[user:password@]host:port/db, rediss:// for TLS, or unix:///path. Of sentinels"
        " or a cluster several: host:port,host:port. From a file it is read only at the start.",
    )
    password: SecretStr = Field(default=SecretStr(""), description="Password, where the URL has none.")
    password_file: SecretFile | None = Field(
        default=None, description="File with the password, instead; read again at each login."
    )
    ssl_cafile: _CaFile = None
    ssl_certfile: _CertFile = None
    ssl_keyfile: _KeyFile = None
    sentinel_service: str = Field(
        default="",
        description="The master's name at the sentinels; with it the URL's hosts are sentinels, its login and"
        " db the master's.",
    )
    sentinel_username: str = Field(default="", description="User at the sentinels, where they ask for one.")
    sentinel_password: SecretStr = Field(
        default=SecretStr(""), description="Password at the sentinels, where they ask for one."
    )
    sentinel_password_file: SecretFile | None = Field(
        default=None, description="File with that password, instead; read again at each login."
    )
    cluster: bool = Field(
        default=False, description="Whether the URL's hosts are nodes of a Redis Cluster; one is enough."
    )

    @model_validator(mode="after")
    def _check_topology(self) -> Self:
        check_topology(self.url, sentinels=bool(self.sentinel_service), cluster=self.cluster)
        check_given_once("password", self.password, self.password_file, has_url_password(self.url))
        check_given_once("sentinel_password", self.sentinel_password, self.sentinel_password_file)
        has_sentinel_password = bool(self.sentinel_password.get_secret_value() or self.sentinel_password_file)
        if (self.sentinel_username or has_sentinel_password) and not self.sentinel_service:
            raise ValueError("sentinel_username and sentinel_password need sentinel_service")
        if self.sentinel_username and not has_sentinel_password:
            raise ValueError("sentinel_username needs sentinel_password")
        return self

    @model_validator(mode="after")
    def _check_tls_files(self) -> Self:
        files = (self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile)
        if any(files):
            check_tls_files(self.url)
            load_tls_files(*files)
        return self
