"""How Redis is reached: a client for one server, for the master that sentinels name, or for a cluster.

Nothing connects here. Secrets that lie in files are read again at each login, so that they may be renewed.
"""

import asyncio
import ssl
from pathlib import Path
from typing import Any

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelManagedConnection
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider

from bridge.io.tls import ClientTlsFiles, ReloadingSSLContext
from bridge.settings.redis_url import host_urls
from bridge.settings.secret_files import reread_secret
from bridge.settings.sections import RedisSettings

TIMEOUT_S = 1.0
"""Of connecting, and of each command, where the caller says nothing else."""

_REDIS_PORT = 6379
_SENTINEL_PORT = 26379
_VERIFY_MODES = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL}


class _FileCredentialProvider(CredentialProvider):
    def __init__(self, username: str | None, path: Path) -> None:
        self._username = username
        self._path = path

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        password = await asyncio.to_thread(reread_secret, self._path)
        return (self._username, password) if self._username else (password,)


class _ReloadingTlsConnection(SSLConnection):
    """A TLS connection with the shared, reloading context. The library makes one context per connection."""

    def __init__(self, *, context: ReloadingSSLContext, **options: Any) -> None:  # noqa: ANN401 - the library's
        super().__init__(**options)
        self.ssl_context.context = context


class _SentinelTlsConnection(SentinelManagedConnection, _ReloadingTlsConnection):
    """The same for the master that sentinels name."""


class _SentinelMasterClient(Redis):
    """A master's client that closes its connections to the sentinels, which the library's leaves open."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - as the library's
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        await pool.sentinel_manager.aclose()


def redis_client(
    redis: RedisSettings, max_connections: int, timeout_s: float = TIMEOUT_S
) -> Redis | RedisCluster:
    """Return a client that fails at once instead of retrying for a minute: callers have their own limits.

    It serves one Redis, the master that the sentinels name, or a cluster, and finds a new master when it has
    to reconnect. ``max_connections`` counts per node of a cluster; ``timeout_s`` limits connecting and each
    command.
    """
    limits: dict[str, Any] = {
        "max_connections": max_connections,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        # RESP3 begins with HELLO, which older servers and several proxies do not know (some close the
        # connection, some repeat its arguments, the password among them). Nothing here needs RESP3.
        "protocol": 2,
        "health_check_interval": 0,
    }
    urls: list[dict[str, Any]] = [dict(parse_url(url)) for url in host_urls(redis.url)]
    hosts = [(url_options.pop("host", "localhost"), url_options.pop("port", None)) for url_options in urls]
    url_options = urls[0]
    tls = _pop_tls_context(redis, url_options)
    options = limits | _login_options(redis, url_options) | url_options
    if redis.cluster:
        return _cluster_client(hosts, options, tls)
    if redis.sentinel_service:
        return _sentinel_client(redis, hosts, limits, options, tls)
    if "path" not in options:  # a socket in the file system has no host
        options |= {"host": hosts[0][0], "port": hosts[0][1] or _REDIS_PORT}
    return Redis.from_pool(ConnectionPool(**options, **_connection_options(tls, _ReloadingTlsConnection)))


def redis_tls_context(redis: RedisSettings) -> ReloadingSSLContext | None:
    """Return the TLS context for Redis; None where the connection is plaintext."""
    return _pop_tls_context(redis, dict(parse_url(host_urls(redis.url)[0])))


def _pop_tls_context(redis: RedisSettings, url_options: dict[str, Any]) -> ReloadingSSLContext | None:
    """Take the TLS options out of ``url_options``, which were parsed from the URL."""
    ssl_options = {name: url_options.pop(name) for name in [*url_options] if name.startswith("ssl_")}
    if url_options.get("connection_class") is not SSLConnection:
        return None
    del url_options["connection_class"]
    return ReloadingSSLContext(
        ClientTlsFiles(
            cafile=_path_text(redis.ssl_cafile) or ssl_options.get("ssl_ca_certs"),
            capath=ssl_options.get("ssl_ca_path"),
            certfile=_path_text(redis.ssl_certfile) or ssl_options.get("ssl_certfile"),
            keyfile=_path_text(redis.ssl_keyfile) or ssl_options.get("ssl_keyfile"),
            password=ssl_options.get("ssl_password"),
            verify=_VERIFY_MODES.get(ssl_options.get("ssl_cert_reqs", ""), ssl.CERT_REQUIRED),
            check_hostname=ssl_options.get("ssl_check_hostname", True),
        )
    )


def _login_options(redis: RedisSettings, url_options: dict[str, Any]) -> dict[str, Any]:
    if redis.password_file:
        return {
            "credential_provider": _FileCredentialProvider(
                url_options.pop("username", None), redis.password_file
            )
        }
    password = redis.password.get_secret_value()
    return {"password": password} if password else {}


def _connection_options(
    tls_context: ReloadingSSLContext | None, connection_class: type[_ReloadingTlsConnection]
) -> dict[str, Any]:
    return {"connection_class": connection_class, "context": tls_context} if tls_context else {}


def _cluster_client(
    hosts: list[tuple[str, int | None]], options: dict[str, Any], tls_context: ReloadingSSLContext | None
) -> RedisCluster:
    nodes = [ClusterNode(host, port or _REDIS_PORT) for host, port in hosts]
    cluster = RedisCluster(startup_nodes=nodes, ssl=tls_context is not None, **options)
    if tls_context:
        # It takes no class of ours, but makes its nodes' connections by what it keeps of its options.
        cluster.connection_kwargs |= _connection_options(tls_context, _ReloadingTlsConnection)
        for node in cluster.startup_nodes:
            node.connection_class = _ReloadingTlsConnection
            node.connection_kwargs["context"] = tls_context
    return cluster


def _sentinel_client(
    redis: RedisSettings,
    hosts: list[tuple[str, int | None]],
    limits: dict[str, Any],
    options: dict[str, Any],
    tls_context: ReloadingSSLContext | None,
) -> Redis:
    login: dict[str, Any] = {
        "username": redis.sentinel_username or None,
        "password": redis.sentinel_password.get_secret_value() or None,
    }
    if redis.sentinel_password_file:
        login = {
            "credential_provider": _FileCredentialProvider(
                redis.sentinel_username or None, redis.sentinel_password_file
            )
        }
    sentinel: Any = Sentinel([], **options)  # type: ignore[no-untyped-call] # the library leaves it so
    # It would make them without a class of ours.
    sentinel.sentinels = [
        Redis.from_pool(
            ConnectionPool(
                host=host,
                port=port or _SENTINEL_PORT,
                **limits,
                **login,
                **_connection_options(tls_context, _ReloadingTlsConnection),
            )
        )
        for host, port in hosts
    ]
    master: Redis = sentinel.master_for(
        redis.sentinel_service,
        redis_class=_SentinelMasterClient,
        **_connection_options(tls_context, _SentinelTlsConnection),
    )
    return master


def _path_text(path: Path | None) -> str | None:
    return str(path) if path else None
