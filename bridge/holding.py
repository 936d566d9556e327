"""How long a delivery that nothing durable took yet is kept silent, and how many are.

The vendor ignores what we answer; only its own time-out makes it send again. Silence is the only "no".
"""

import asyncio
from collections import deque

from msgspec import Struct

from bridge.core.outcome import Ending
from bridge.running import heard
from bridge.telemetry import Telemetry
from bridge.telling import Told


class Holding(Struct, frozen=True, kw_only=True):
    """The rule's numbers, in seconds but for the two bounds.

    ``hold_s`` counts from arrival; 0 turns holding off, then ``patience_s`` is how long a delivery is waited
    for at all. ``slow_s`` is when a waiting delivery counts as held; ``most`` deliveries with ``most_bytes``
    of bodies are kept while held. ``retry_s`` is the first pause before what was not written is tried again.
    A send whose outcome is unknown keeps its claim, and is joined by redeliveries, for ``unknown_s``;
    claims are renewed every ``renew_s``. Without ``publish_unchecked`` events are held while the memory is
    away instead of published unchecked.
    """

    hold_s: float = 6.0
    patience_s: float = 4.0
    slow_s: float = 2.0
    retry_s: float = 0.1
    most: int = 2_000
    most_bytes: int = 64 * 1024 * 1024
    unknown_s: float = 60.0
    renew_s: float = 1.0
    publish_unchecked: bool = True

    @property
    def wait_s(self) -> float:
        """How long a delivery is waited for, since its arrival."""
        return self.hold_s or self.patience_s


Awaited = Told[bool] | Told[Ending]


async def settled(told: Awaited, seconds: float) -> bool:
    """Wait inside a run for ``told``, for at most ``seconds``. Tell whether it is done."""
    if seconds > 0 and not told.done():
        over: Told[None] = Told()
        timer = asyncio.get_running_loop().call_later(seconds, over.ring)
        told.then(over.ring)
        try:
            await heard(over)
        finally:
            timer.cancel()
    return told.done()


class Patience:
    """Waits of one and the same length, with one timer for all: a timer for each costs more than the wait."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._waits: deque[tuple[float, Told[None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def over(self, told: Awaited) -> Told[None]:
        """Give a word that is told with ``told``, or when the time is over."""
        over: Told[None] = Told()
        told.then(over.ring)
        waits = self._waits
        while waits and waits[0][1].done():
            waits.popleft()
        waits.append((self._loop.time() + self.seconds, over))
        if self._timer is None:
            self._timer = self._loop.call_later(self.seconds, self._ring)
        return over

    def _ring(self) -> None:
        now = self._loop.time()
        waits = self._waits
        while waits and (waits[0][1].done() or waits[0][0] <= now):
            waits.popleft()[1].ring()
        self._timer = self._loop.call_at(waits[0][0], self._ring) if waits else None


class Hold:
    """The deliveries held now. Full, it lets a delivery's body go; its connection stays silent."""

    def __init__(self, rule: Holding, telemetry: Telemetry) -> None:
        self._rule = rule
        self._telemetry = telemetry
        # A little longer than Kafka is given: what it did not take is in the spool by then, and not held.
        self._patience = Patience(min(1.25 * rule.slow_s, rule.wait_s / 2))
        self._loop = asyncio.get_running_loop()
        self._deliveries = 0
        self._bytes = 0

    async def wait(self, told: Awaited, deadline: float, size: int, *, slow: bool) -> bool:
        """Wait for ``told`` until ``deadline`` (monotonic), or while there is room to hold ``size`` bytes.

        ``slow`` says that nothing is expected soon: the delivery is held from the start.
        """
        if not slow and deadline - self._loop.time() > self._patience.seconds:
            if not told.done():
                await heard(self._patience.over(told))
            if told.done():
                return True
        if self._deliveries >= self._rule.most or self._bytes + size > self._rule.most_bytes:
            return told.done()
        self._deliveries += 1
        self._bytes += size
        self._telemetry.held.inc()
        try:
            return await settled(told, deadline - self._loop.time())
        finally:
            self._deliveries -= 1
            self._bytes -= size
            self._telemetry.held.dec()

    async def silence(self, deadline: float) -> None:
        """Say nothing until ``deadline``; the caller keeps no body. Returns at once where holding is off."""
        rest = deadline - self._loop.time()
        if self._rule.hold_s and rest > 0:
            self._telemetry.held.inc()
            try:
                await asyncio.sleep(rest)
            finally:
                self._telemetry.held.dec()
