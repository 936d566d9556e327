"""How this program logs in: what every Kafka client of ours takes, and how Redis is reached.

Nothing connects here.
"""

import asyncio
from pathlib import Path
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.helpers import create_ssl_context
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bridge.settings.sections import KafkaSettings, RedisSettings


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


def redis_client(redis: RedisSettings, connections: int) -> Redis:
    """Make a client that fails at once instead of trying for a minute (whoever calls has its own limits)."""
    return Redis.from_url(
        redis.url,
        max_connections=connections,
        socket_timeout=1.0,
        socket_connect_timeout=1.0,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
