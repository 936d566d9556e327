"""A memory in Redis whom a busy machine cannot outwait: for all tests but those of its own limits."""

from redis.asyncio import Redis

from bridge.io.dedup.redis_client import redis_client
from bridge.io.dedup.store import DedupLimits
from bridge.settings.sections import RedisSettings
from tests.rig.waiting import WITHIN_S

PATIENT = DedupLimits(call_timeout_s=WITHIN_S, lease_ms=600_000, probe_interval_s=0.05)


def patient_client(url: str, connections: int = 8) -> Redis:
    """Return a client of one Redis."""
    client = redis_client(RedisSettings(url=url), connections, timeout_s=WITHIN_S)
    assert isinstance(client, Redis)
    return client
