"""How long a delivery that nothing durable took yet is kept silent, and how many are (contract 3).

The vendor ignores what we answer; only its own time-out makes it send again. Silence is the only "no".
"""

import asyncio

from msgspec import Struct

from bridge.telemetry import Telemetry


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


async def settled(future: "asyncio.Future[None] | asyncio.Future[bool]", seconds: float) -> bool:
    """Wait for ``future`` for at most ``seconds``, never cancelling it. Tell whether it is done."""
    if future.done() or seconds <= 0:
        return future.done()
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake(_: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    timer = loop.call_later(seconds, wake)
    future.add_done_callback(wake)
    try:
        await waiter
    finally:
        timer.cancel()
        future.remove_done_callback(wake)
    return future.done()


class Hold:
    """The deliveries held now. Full, it lets a delivery's body go; its connection stays silent."""

    def __init__(self, rule: Holding, telemetry: Telemetry) -> None:
        self._rule = rule
        self._telemetry = telemetry
        self._deliveries = 0
        self._bytes = 0

    async def wait(
        self, future: "asyncio.Future[None] | asyncio.Future[bool]", deadline: float, size: int, *, slow: bool
    ) -> bool:
        """Wait for ``future`` until ``deadline`` (monotonic), or while there is room to hold ``size`` bytes.

        ``slow`` says that nothing is expected soon: the delivery is held from the start.
        """
        loop = asyncio.get_running_loop()
        if not slow and await settled(future, min(self._rule.slow_s, deadline - loop.time())):
            return True
        if self._deliveries >= self._rule.most or self._bytes + size > self._rule.most_bytes:
            return future.done()
        self._deliveries += 1
        self._bytes += size
        self._telemetry.held.inc()
        try:
            return await settled(future, deadline - loop.time())
        finally:
            self._deliveries -= 1
            self._bytes -= size
            self._telemetry.held.dec()

    async def silence(self, deadline: float) -> None:
        """Say nothing until ``deadline``; the caller keeps no body. Returns at once where holding is off."""
        rest = deadline - asyncio.get_running_loop().time()
        if self._rule.hold_s and rest > 0:
            self._telemetry.held.inc()
            await asyncio.sleep(rest)
            self._telemetry.held.dec()
