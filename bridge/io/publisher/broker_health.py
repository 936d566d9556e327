"""Whether brokers answer: those that a client knows, and those that a fresh client finds.

aiokafka asks only the brokers of its last metadata, never the bootstrap addresses again. A client whose
brokers have all got other addresses therefore stays silent for ever while its cluster is well.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from random import sample
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from bridge.io.publisher.limits import Limits

_BROKERS_ASKED = 3
_MISSES = 2
_FRESH_REQUEST_MS = 3_000  # so that one bootstrap address that is dead leaves time for the others
_CLIENT_OPTIONS = frozenset(inspect.signature(AIOKafkaClient).parameters)


async def brokers_answer(client: AIOKafkaClient, within_s: float) -> bool:
    """Return whether one of a few brokers of a client's cluster answers in time. Asks for no topic."""
    brokers = list(client.cluster.brokers())
    asked = sample(brokers, min(_BROKERS_ASKED, len(brokers)))
    answers = [asyncio.ensure_future(client.send(one.nodeId, MetadataRequest([]))) for one in asked]
    try:
        async with asyncio.timeout(within_s):
            for answer in asyncio.as_completed(answers):
                with suppress(KafkaError, OSError):
                    await answer
                    return True
    except TimeoutError:
        pass
    finally:
        for task in answers:
            task.cancel()
        await asyncio.gather(*answers, return_exceptions=True)
    return False


async def cluster_is_reachable(options: Mapping[str, Any], within_s: float) -> bool:
    """Return whether a fresh client made from ``options`` finds the cluster, and a broker by its own address.

    ``options`` are a producer's; what is not a client's is left out.
    """
    ours = {name: value for name, value in options.items() if name in _CLIENT_OPTIONS}
    try:
        client = AIOKafkaClient(**ours | {"request_timeout_ms": _FRESH_REQUEST_MS})
    except (OSError, ValueError):  # a file of the settings cannot be read now
        return False
    try:
        async with asyncio.timeout(within_s):
            await client.bootstrap()
            return await brokers_answer(client, within_s)
    except (KafkaError, OSError, TimeoutError, ValueError):
        return False
    finally:
        await client.close()


class Finding(StrEnum):
    """What a check found."""

    NOTHING = "nothing"
    SILENT = "silent"
    CUT_OFF = "cut_off"


class BrokerHealth:
    """Finds what no answer tells of: idle brokers that are silent, a producer that is cut off.

    ``options`` are the producer's; ``now`` is a monotonic clock in seconds.
    """

    def __init__(self, options: Mapping[str, Any], limits: Limits, now: Callable[[], float]) -> None:
        self._options = options
        self._limits = limits
        self._now = now
        self._misses = 0
        self._reachable_since = 0.0
        self._asked_fresh_at = 0.0
        self._heard_at = 0.0

    def heard(self) -> None:
        """Note that the producer heard its cluster: an acknowledgement, a listing, an answer to a probe."""
        self._heard_at = self._now()
        self._misses, self._reachable_since = 0, 0.0

    async def check(self, client: AIOKafkaClient, *, breaker_open: bool, busy: bool) -> Finding:
        """Check a producer's ``client``, where it is time to; ``busy`` tells that a batch is under way."""
        silent_s = self._now() - self._heard_at
        if breaker_open:
            return await self._check_fresh() if silent_s > self._limits.silent else Finding.NOTHING
        return (
            await self._check_idle(client) if silent_s > self._limits.idle and not busy else Finding.NOTHING
        )

    async def _check_idle(self, client: AIOKafkaClient) -> Finding:
        heard_at = self._heard_at
        if await brokers_answer(client, self._limits.slow_after):
            self.heard()
        elif self._heard_at == heard_at:
            self._misses += 1
        return Finding.SILENT if self._misses >= _MISSES else Finding.NOTHING

    async def _check_fresh(self) -> Finding:
        """Whether a fresh client has reached the cluster for the grace, and the producer has not."""
        heard_at, asked_at = self._heard_at, self._now()
        if asked_at - self._asked_fresh_at < self._limits.ask_fresh:
            return Finding.NOTHING
        self._asked_fresh_at = asked_at
        reachable = await cluster_is_reachable(self._options, self._limits.start)
        if self._heard_at != heard_at:  # meanwhile
            return Finding.NOTHING
        if not reachable:
            self._reachable_since = 0.0
        elif not self._reachable_since:
            self._reachable_since = asked_at
        over = reachable and self._now() - self._reachable_since >= self._limits.grace
        return Finding.CUT_OFF if over else Finding.NOTHING
