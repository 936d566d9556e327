"""A memory in Redis whom a busy machine cannot outwait: for all tests but those of its own limits."""

import asyncio
from collections.abc import Callable

from redis.asyncio import Redis

from bridge.io.dedup.breaker import CircuitBreaker
from bridge.io.dedup.redis_client import redis_client
from bridge.io.dedup.store import DedupLimits
from bridge.io.dedup.timed_call import TimedCall
from bridge.observability.telemetry import Telemetry
from bridge.settings.sections import RedisSettings
from tests.rig.waiting import WITHIN_S

PATIENT = DedupLimits(call_timeout_s=WITHIN_S, lease_ms=600_000, probe_interval_s=0.05)


def patient_client(url: str, connections: int = 8) -> Redis:
    """Return a client of one Redis."""
    client = redis_client(RedisSettings(url=url), connections, timeout_s=WITHIN_S)
    assert isinstance(client, Redis)
    return client


def timed_call(
    limit_s: float, breaker: CircuitBreaker, on_reply: Callable[[str | None], None] = lambda _: None
) -> TimedCall:
    """Start a call that ends with ``on_reply``."""
    loop = asyncio.get_running_loop()
    return TimedCall(loop, limit_s, Telemetry().dedup_call_seconds, breaker, on_reply)


def new_breaker() -> CircuitBreaker:
    """Return a closed one that tells nobody of its changes."""
    return CircuitBreaker("default", lambda _: None)
