"""The settings of the connection to Kafka: brokers, topics, login, certificates, limits of the producer."""

from typing import Literal, Self

from pydantic import ByteSize, Field, SecretStr, model_validator

from bridge.settings.field_types import (
    Brokers,
    CaFile,
    CertFile,
    KeyFile,
    PositiveBytes,
    SecretFile,
    Topic,
    TopicTemplate,
)
from bridge.settings.section import Section

MIB = 1024 * 1024


class KafkaSettings(Section):
    """Kafka, where events are published."""

    bootstrap_servers: Brokers = Field(
        default="localhost:9092",
        description="Bootstrap brokers: host:port, comma-separated.",
    )
    topic: TopicTemplate = Field(
        default="vod.{type}", description="Topic of an event: a template of {type} and {app}."
    )
    topic_other: Topic = Field(
        default="vod.other", description="Topic of the types that the catalogue does not know."
    )
    topic_dead_letter: Topic = Field(
        default="vod.dead-letter", description="Topic of bodies that can never be an event."
    )
    topic_max_message_bytes: PositiveBytes = Field(
        default=ByteSize(16 * MIB),
        ge=MIB,
        le=16 * MIB,
        description="max.message.bytes of the topics that `vod-bridge topics` creates, and the minimum that"
        " `check` expects.",
    )
    client_id: str = Field(
        default="vod-event-bridge", min_length=1, description="client.id sent to the brokers."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        default="PLAIN", description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; with SASL_* only."
    )
    sasl_username: str = Field(default="", description="User for PLAIN and SCRAM.")
    sasl_password: SecretStr = Field(default=SecretStr(""), description="Password for PLAIN and SCRAM.")
    sasl_password_file: SecretFile | None = Field(
        default=None, description="File with that password, instead; read again at each login."
    )
    sasl_token_file: SecretFile | None = Field(
        default=None, description="File with the OAUTHBEARER token; read again at each login."
    )
    ssl_cafile: CaFile = None
    ssl_certfile: CertFile = None
    ssl_keyfile: KeyFile = None
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field(
        default="none", description="none, gzip, or snappy, lz4, zstd where the cramjam package is installed."
    )
    batch_max_bytes: PositiveBytes = Field(
        default=ByteSize(512 * 1024), description="Largest batch for one partition."
    )
    in_flight_max_bytes: PositiveBytes = Field(
        default=ByteSize(64 * MIB), description="Most bytes handed to the producer and not yet acknowledged."
    )
    slow_after_s: float = Field(
        default=2, gt=0, le=60, description="Seconds after which a send counts as slow and opens the breaker."
    )

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        has_password = bool(self.sasl_password.get_secret_value())
        if has_password and self.sasl_password_file:
            raise ValueError("sasl_password is given twice, also as sasl_password_file")
        has_password = has_password or self.sasl_password_file is not None
        if self.security_protocol.startswith("SASL"):
            if self.sasl_mechanism == "OAUTHBEARER":
                if self.sasl_token_file is None:
                    raise ValueError("OAUTHBEARER needs sasl_token_file")
            elif not (self.sasl_username and has_password):
                raise ValueError(f"{self.sasl_mechanism} needs sasl_username and sasl_password")
        elif self.sasl_username or has_password or self.sasl_token_file:
            raise ValueError("a login needs security_protocol SASL_PLAINTEXT or SASL_SSL")
        if bool(self.ssl_certfile) != bool(self.ssl_keyfile):
            raise ValueError("ssl_certfile and ssl_keyfile go together")
        return self
