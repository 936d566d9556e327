"""The memory as the settings build it."""

import pytest
from redis.asyncio import Redis

from bridge.observability.telemetry import Telemetry
from bridge.settings.settings import load
from bridge.wiring import build_dedup


@pytest.mark.parametrize(("timeout_ms", "waits_s"), [("10", 1), ("250", 1), ("1000", 3), ("4000", 12)])
async def test_a_connection_waits_longer_than_the_settings_let_a_call_take(
    timeout_ms: str, waits_s: int
) -> None:
    dedup = build_dedup(load(None, {"BRIDGE_DEDUP__TIMEOUT_MS": timeout_ms}), Telemetry())
    redis = dedup._redis  # noqa: SLF001 - its limits are the library's
    assert isinstance(redis, Redis)
    options = redis.connection_pool.connection_kwargs
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (waits_s, waits_s)
    await dedup.stop()
