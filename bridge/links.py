"""How this program logs in: what every Kafka client of ours takes, and how Redis is reached.

Nothing connects here.
"""

import asyncio
from pathlib import Path
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.helpers import create_ssl_context
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from bridge.settings.addresses import addresses
from bridge.settings.sections import KafkaSettings, RedisSettings

_REDIS_PORT = 6379
_SENTINEL_PORT = 26379


class _FileToken(AbstractTokenProvider):  # type: ignore[misc] # the library asks for this base, and is untyped
    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:
        return (await asyncio.to_thread(self._path.read_text)).strip()


def kafka_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Give what every Kafka client takes: addresses, name, TLS, login (a token file is read each time)."""
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "client_id": kafka.client_id,
        "security_protocol": kafka.security_protocol,
    }
    if kafka.security_protocol.endswith("SSL"):
        files = (kafka.ssl_cafile, kafka.ssl_certfile, kafka.ssl_keyfile)
        cafile, certfile, keyfile = (str(path) if path else None for path in files)
        options["ssl_context"] = create_ssl_context(cafile=cafile, certfile=certfile, keyfile=keyfile)
    if kafka.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = kafka.sasl_mechanism
        if kafka.sasl_token_file:
            options["sasl_oauth_token_provider"] = _FileToken(kafka.sasl_token_file)
        else:
            options["sasl_plain_username"] = kafka.sasl_username
            options["sasl_plain_password"] = kafka.sasl_password.get_secret_value()
    return options


class _Master(Redis):  # the library asks for a class, and leaves its own connections to the sentinels open
    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - as the library's
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        await pool.sentinel_manager.aclose()


def redis_client(redis: RedisSettings, connections: int, timeout_s: float = 1.0) -> Redis | RedisCluster:
    """Make a client that fails at once instead of trying for a minute (whoever calls has its own limits).

    It is a Redis's own, the master's that the sentinels name, or a cluster's, and finds the new master by
    itself when it has to connect anew. ``connections`` is the most it opens, to each node of a cluster.
    """
    options: dict[str, Any] = {
        "max_connections": connections,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
    }
    if not (redis.cluster or redis.sentinel_service):
        return Redis.from_url(redis.url, **options)
    ways: list[dict[str, Any]] = [dict(parse_url(url)) for url in addresses(redis.url)]
    hosts = [(way.pop("host", "localhost"), way.pop("port", None)) for way in ways]
    way = ways[0]
    options["ssl"] = way.pop("connection_class", None) is SSLConnection
    if redis.cluster:
        nodes = [ClusterNode(host, port or _REDIS_PORT) for host, port in hosts]
        return RedisCluster(startup_nodes=nodes, **options, **way)
    at_sentinels = options | {name: value for name, value in way.items() if name.startswith("ssl_")}
    at_sentinels["username"] = redis.sentinel_username or None
    at_sentinels["password"] = redis.sentinel_password.get_secret_value() or None
    sentinel: Any = Sentinel(  # type: ignore[no-untyped-call] # the library leaves it so
        [(host, port or _SENTINEL_PORT) for host, port in hosts],
        sentinel_kwargs=at_sentinels,
        **options,
        **way,
    )
    master: Redis = sentinel.master_for(redis.sentinel_service, redis_class=_Master)
    return master
