"""Logs why Kafka or Redis cannot be used, with the same diagnosis as `vod-bridge check`.

The clients only know that nothing responds; the monitor diagnoses now and then, on connections of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf

import structlog
from msgspec import Struct

from bridge.diagnostics.kafka import diagnose_cluster
from bridge.diagnostics.problem import Problem
from bridge.diagnostics.redis import diagnose
from bridge.io.kafka.client import kafka_options
from bridge.settings.sections import KafkaSettings, RedisSettings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_Diagnose = Callable[[], Awaitable[Problem | None]]


class MonitorIntervals(Struct, frozen=True, kw_only=True):
    """Seconds between polls of a connection's state, and between diagnoses while it is unavailable."""

    poll_s: float = 1.0
    rediagnose_s: float = 10.0


class ConnectivityMonitor:
    """Watches Kafka and Redis. ``is_…_unavailable`` return whether the program cannot use them now."""

    def __init__(
        self,
        kafka: KafkaSettings,
        redis: RedisSettings,
        is_kafka_unavailable: Callable[[], bool],
        is_redis_unavailable: Callable[[], bool],
        intervals: MonitorIntervals | None = None,
    ) -> None:
        self._kafka = kafka
        self._redis = redis
        self._is_kafka_unavailable = is_kafka_unavailable
        self._is_redis_unavailable = is_redis_unavailable
        self._intervals = intervals or MonitorIntervals()

    async def run(self) -> None:
        """Monitor both until cancelled."""
        async with asyncio.TaskGroup() as group:  # a bug in one ends both: the supervisor restarts them
            group.create_task(
                self._monitor("kafka_diagnosis", self._is_kafka_unavailable, self._diagnose_kafka)
            )
            group.create_task(
                self._monitor("redis_diagnosis", self._is_redis_unavailable, self._diagnose_redis)
            )

    async def _monitor(
        self, event: str, is_unavailable: Callable[[], bool], diagnose_link: _Diagnose
    ) -> None:
        last_logged, unavailable, diagnosed_at = "", False, -inf
        clock = asyncio.get_running_loop().time
        while True:
            was_unavailable, unavailable = unavailable, is_unavailable()
            if was_unavailable and not unavailable:
                last_logged = ""
            is_due = not was_unavailable or clock() - diagnosed_at >= self._intervals.rediagnose_s
            # Always diagnose once at the start: an unused connection does not count as unavailable yet.
            if diagnosed_at == -inf or (unavailable and is_due):
                diagnosed_at = clock()
                problem = await diagnose_link()
                if problem is not None and str(problem) != last_logged:
                    last_logged = str(problem)
                    log.warning(event, problem=problem.message, remedy=problem.remedy)
            await asyncio.sleep(self._intervals.poll_s)

    async def _diagnose_kafka(self) -> Problem | None:
        try:
            options = kafka_options(self._kafka)
        except OSError as error:
            return _unreadable_files("BRIDGE_KAFKA__", error)
        return await diagnose_cluster(options)

    async def _diagnose_redis(self) -> Problem | None:
        try:
            found = await diagnose(self._redis)
        except OSError as error:
            return _unreadable_files("BRIDGE_REDIS__", error)
        return found and found[1]


def _unreadable_files(section: str, error: OSError) -> Problem:
    return Problem(
        message=f"what {section}SSL_… or {section}…_FILE name cannot be used ({error})",
        remedy="check that these files are complete, and that each key belongs to its certificate",
    )
