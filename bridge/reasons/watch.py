"""Tells in the log why Kafka or Redis cannot be used, in the words of `check`, while that is so.

The parts only know that nothing answers; here the way is gone again beside them, seldom, on connections of
its own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf

import structlog
from msgspec import Struct

from bridge.links import kafka_options
from bridge.reasons.kafka import kafka_link_trouble
from bridge.reasons.redis import trouble_now
from bridge.reasons.trouble import Trouble
from bridge.settings.sections import KafkaSettings, RedisSettings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_Look = Callable[[], Awaitable[Trouble | None]]


class Watching(Struct, frozen=True, kw_only=True):
    """Seconds: how often it is asked whether a link is away, and how often why, for as long as it is."""

    every_s: float = 1.0
    again_s: float = 10.0


class LinkWatch:
    """Watches both links. ``kafka_away`` and ``redis_away`` say whether the program misses them."""

    def __init__(
        self,
        kafka: KafkaSettings,
        redis: RedisSettings,
        kafka_away: Callable[[], bool],
        redis_away: Callable[[], bool],
        watching: Watching | None = None,
    ) -> None:
        self._kafka = kafka
        self._redis = redis
        self._kafka_away = kafka_away
        self._redis_away = redis_away
        self._watching = watching or Watching()

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as both:  # a bug in one ends both, to begin again
            both.create_task(self._watch("kafka_trouble", self._kafka_away, self._kafka_trouble))
            both.create_task(self._watch("redis_trouble", self._redis_away, self._redis_trouble))

    async def _watch(self, event: str, away: Callable[[], bool], look: _Look) -> None:
        told, missed, looked_at = "", False, -inf
        clock = asyncio.get_running_loop().time
        while True:
            before, missed = missed, away()
            if before and not missed:
                told = ""
            late = not before or clock() - looked_at >= self._watching.again_s
            # The first look is taken whatever is known: a link that nobody has used yet is not missed.
            if looked_at == -inf or (missed and late):
                looked_at = clock()
                trouble = await look()
                if trouble is not None and str(trouble) != told:
                    told = str(trouble)
                    log.warning(event, what=trouble.what, todo=trouble.todo)
            await asyncio.sleep(self._watching.every_s)

    async def _kafka_trouble(self) -> Trouble | None:
        try:
            options = kafka_options(self._kafka)
        except OSError as error:
            return _unreadable("BRIDGE_KAFKA__", error)
        return await kafka_link_trouble(options)

    async def _redis_trouble(self) -> Trouble | None:
        try:
            found = await trouble_now(self._redis)
        except OSError as error:
            return _unreadable("BRIDGE_REDIS__", error)
        return found and found[1]


def _unreadable(section: str, error: OSError) -> Trouble:
    return Trouble(
        what=f"what {section}SSL_… or {section}…_FILE name cannot be used ({error})",
        todo="see whether these files are whole, and a key is its certificate's",
    )
