"""The settings of the connection to Redis: address, topology, logins, certificates."""

from typing import Self

from pydantic import Field, SecretStr, model_validator

from bridge.settings.field_types import CaFile, CertFile, KeyFile, RedisUrl, SecretFile
from bridge.settings.redis_url import check_given_once, check_tls_files, check_topology, has_url_password
from bridge.settings.section import Section
from bridge.settings.tls_files import load_tls_files


class RedisSettings(Section):
    """Redis, the dedup store."""

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
    ssl_cafile: CaFile = None
    ssl_certfile: CertFile = None
    ssl_keyfile: KeyFile = None
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
