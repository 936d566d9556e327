"""How this program logs in: what every Kafka client of ours takes, and how Redis is reached.

Nothing connects here. What lies in files is read again at each login, so that it may be renewed.
"""

import asyncio
import ssl
from errno import EILSEQ
from pathlib import Path
from typing import Any, Self

from aiokafka.abc import AbstractTokenProvider
from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelManagedConnection
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider

from bridge.certificates import RenewedContext, TlsFiles
from bridge.scram import limit_scram
from bridge.settings.addresses import addresses
from bridge.settings.secret_files import cleaned
from bridge.settings.sections import KafkaSettings, RedisSettings

_REDIS_PORT = 6379
_SENTINEL_PORT = 26379
_VERIFY = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL}


class _FileToken(AbstractTokenProvider):  # type: ignore[misc] # the library asks for this base, and is untyped
    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:
        return (await asyncio.to_thread(_secret, self._path)).strip()


class _FilePassword(str):
    """What a file holds: as text of the time when it was made, encoded as of now.

    The library keeps a password for as long as a client lives; only SCRAM encodes it anew at each login.
    """

    __slots__ = ("_path",)
    _path: Path

    def __new__(cls, path: Path) -> Self:
        made = super().__new__(cls, _secret(path))
        made._path = path
        return made

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return _secret(self._path).encode(encoding, errors)


class _FileLogin(CredentialProvider):
    def __init__(self, username: str | None, path: Path) -> None:
        self._username = username
        self._path = path

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        password = await asyncio.to_thread(_secret, self._path)
        return (self._username, password) if self._username else (password,)


class _Tls(SSLConnection):
    """The library makes a context for each connection and keeps it; here all share one that is renewed."""

    def __init__(self, *, context: RenewedContext, **options: Any) -> None:  # noqa: ANN401 - the library's
        super().__init__(**options)
        self.ssl_context.context = context


class _MasterTls(SentinelManagedConnection, _Tls):
    """The same to the master that sentinels name."""


class _Master(Redis):  # the library asks for a class, and leaves its own connections to the sentinels open
    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - as the library's
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        await pool.sentinel_manager.aclose()


def kafka_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Give what every Kafka client takes: addresses, name, TLS, login.

    Certificates and a token file are read anew for each connection, a password's file with SCRAM.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "client_id": kafka.client_id,
        "security_protocol": kafka.security_protocol,
    }
    if kafka.security_protocol.endswith("SSL"):
        cafile, certfile, keyfile = map(_text, (kafka.ssl_cafile, kafka.ssl_certfile, kafka.ssl_keyfile))
        options["ssl_context"] = RenewedContext(TlsFiles(cafile=cafile, certfile=certfile, keyfile=keyfile))
    if kafka.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = kafka.sasl_mechanism
        limit_scram()
        if kafka.sasl_token_file:
            options["sasl_oauth_token_provider"] = _FileToken(kafka.sasl_token_file)
        else:
            file, given = kafka.sasl_password_file, kafka.sasl_password.get_secret_value()
            options["sasl_plain_username"] = kafka.sasl_username
            options["sasl_plain_password"] = _FilePassword(file) if file else given
    return options


def redis_client(redis: RedisSettings, connections: int, timeout_s: float = 1.0) -> Redis | RedisCluster:
    """Make a client that fails at once instead of trying for a minute (whoever calls has its own limits).

    It is a Redis's own, the master's that the sentinels name, or a cluster's, and finds the new master by
    itself when it has to connect anew. ``connections`` is the most it opens, to each node of a cluster.
    """
    limits: dict[str, Any] = {
        "max_connections": connections,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        # RESP3 begins with HELLO, which older servers and several proxies do not know (some close the
        # connection, some repeat its arguments, the password among them). Nothing here needs RESP3.
        "protocol": 2,
        "health_check_interval": 0,
    }
    ways: list[dict[str, Any]] = [dict(parse_url(url)) for url in addresses(redis.url)]
    hosts = [(way.pop("host", "localhost"), way.pop("port", None)) for way in ways]
    way = ways[0]
    tls = _redis_tls(redis, way)
    options = limits | _redis_login(redis, way) | way
    if redis.cluster:
        return _cluster(hosts, options, tls)
    if redis.sentinel_service:
        return _behind_sentinels(redis, hosts, limits, options, tls)
    if "path" not in options:  # a socket in the file system has no host
        options |= {"host": hosts[0][0], "port": hosts[0][1] or _REDIS_PORT}
    return Redis.from_pool(ConnectionPool(**options, **_by(tls, _Tls)))


def redis_tls(redis: RedisSettings) -> RenewedContext | None:
    """Give the context that Redis is spoken to with; None where it is spoken to in the clear."""
    return _redis_tls(redis, dict(parse_url(addresses(redis.url)[0])))


def _redis_tls(redis: RedisSettings, way: dict[str, Any]) -> RenewedContext | None:
    """Take what is said of TLS out of ``way``, which is the URL's."""
    said = {name: way.pop(name) for name in [*way] if name.startswith("ssl_")}
    if way.get("connection_class") is not SSLConnection:
        return None
    del way["connection_class"]
    return RenewedContext(
        TlsFiles(
            cafile=_text(redis.ssl_cafile) or said.get("ssl_ca_certs"),
            capath=said.get("ssl_ca_path"),
            certfile=_text(redis.ssl_certfile) or said.get("ssl_certfile"),
            keyfile=_text(redis.ssl_keyfile) or said.get("ssl_keyfile"),
            password=said.get("ssl_password"),
            verify=_VERIFY.get(said.get("ssl_cert_reqs", ""), ssl.CERT_REQUIRED),
            check_hostname=said.get("ssl_check_hostname", True),
        )
    )


def _redis_login(redis: RedisSettings, way: dict[str, Any]) -> dict[str, Any]:
    if redis.password_file:
        return {"credential_provider": _FileLogin(way.pop("username", None), redis.password_file)}
    given = redis.password.get_secret_value()
    return {"password": given} if given else {}


def _by(tls: RenewedContext | None, connection: type[_Tls]) -> dict[str, Any]:
    return {"connection_class": connection, "context": tls} if tls else {}


def _cluster(
    hosts: list[tuple[str, int | None]], options: dict[str, Any], tls: RenewedContext | None
) -> RedisCluster:
    nodes = [ClusterNode(host, port or _REDIS_PORT) for host, port in hosts]
    cluster = RedisCluster(startup_nodes=nodes, ssl=tls is not None, **options)
    if tls:
        # It takes no class of ours, but makes its nodes' connections by what it keeps of its options.
        cluster.connection_kwargs |= _by(tls, _Tls)
        for node in cluster.startup_nodes:
            node.connection_class = _Tls
            node.connection_kwargs["context"] = tls
    return cluster


def _behind_sentinels(
    redis: RedisSettings,
    hosts: list[tuple[str, int | None]],
    limits: dict[str, Any],
    options: dict[str, Any],
    tls: RenewedContext | None,
) -> Redis:
    login: dict[str, Any] = {
        "username": redis.sentinel_username or None,
        "password": redis.sentinel_password.get_secret_value() or None,
    }
    if redis.sentinel_password_file:
        login = {
            "credential_provider": _FileLogin(redis.sentinel_username or None, redis.sentinel_password_file)
        }
    sentinel: Any = Sentinel([], **options)  # type: ignore[no-untyped-call] # the library leaves it so
    # It would make them without a class of ours.
    sentinel.sentinels = [
        Redis.from_pool(
            ConnectionPool(host=host, port=port or _SENTINEL_PORT, **limits, **login, **_by(tls, _Tls))
        )
        for host, port in hosts
    ]
    master: Redis = sentinel.master_for(redis.sentinel_service, redis_class=_Master, **_by(tls, _MasterTls))
    return master


def _text(path: Path | None) -> str | None:
    return str(path) if path else None


def _secret(path: Path) -> str:
    """Read a secret as the settings do. Raises OSError, which to the libraries is a link that is away."""
    try:
        return cleaned(path.read_text("utf-8"))
    except UnicodeDecodeError:  # whose own text would show some of it
        raise OSError(EILSEQ, "no UTF-8 text", str(path)) from None
