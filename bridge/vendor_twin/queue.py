"""One application's queue: leases, redelivery, confirmation of all or none."""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from msgspec import Struct

from bridge.vendor_twin.ledger import Event, Ledger

MAX_EVENTS = 16
_CHECK_INTERVAL_S = 0.05  # nothing signals the end of a lease


class VendorError(Exception):
    """The answer is an error; ``code`` is that of API 2018-07-17, ``number`` that of the v2 interface."""

    def __init__(self, code: str, text: str = "", number: int = 4000) -> None:
        super().__init__(code)
        self.code = code
        self.text = text or f"{code} (from the twin of the vendor)"
        self.number = number


class Lease(Struct, frozen=True):
    """An event that was handed out."""

    event: Event
    since_s: float


class LeaseQueue:
    """The events of one application that nobody has confirmed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.ledger = Ledger()
        self.lease_s = 30.0
        self._clock = clock
        self._free: deque[Event] = deque()
        self._leases: dict[str, Lease] = {}  # in the order in which they end
        self._numbers = itertools.count(1)
        self._came = asyncio.Event()

    def __len__(self) -> int:
        """Return how many could be pulled now."""
        self._end_leases()
        return len(self._free)

    def put(self, body: bytes, *, spliced: bool = True) -> Event:
        """Add an event. ``spliced=False`` sends ``body`` as the whole element, without a handle."""
        event = self.ledger.add(body, spliced=spliced)
        self._free.append(event)
        self._came.set()
        return event

    async def wait(self, seconds: float) -> None:
        """Hold a call until something can be pulled, for at most so long (of real time)."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not len(self) and (left := until - loop.time()) > 0:
            self._came.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), min(left, _CHECK_INTERVAL_S))

    def pull(self) -> list[tuple[str, Event]]:
        """Lease up to 16 under new handles."""
        self._end_leases()
        now, pulled = self._clock(), []
        for _ in range(min(MAX_EVENTS, len(self._free))):
            event = self._free.popleft()
            event.pulled_s.append(now)
            handle = f"handle-{next(self._numbers)}+/=&"  # what an encoding must not spoil
            self._leases[handle] = Lease(event, now)
            pulled.append((handle, event))
        return pulled

    def confirm(self, handles: Sequence[str]) -> None:
        """Delete all of these events, or none where one lease has ended."""
        self._end_leases()
        stale = [handle for handle in handles if handle not in self._leases]
        self.ledger.stale += len(stale)
        if stale or not 0 < len(handles) <= MAX_EVENTS:
            raise VendorError("InvalidParameterValue", f"{len(handles)} handles, {len(stale)} of them void")
        now = self._clock()
        for handle in dict.fromkeys(handles):
            lease = self._leases.pop(handle)
            lease.event.confirmed_s, lease.event.age_s = now, now - lease.since_s

    def _end_leases(self) -> None:
        now = self._clock()
        expired = []
        for handle, lease in self._leases.items():
            if now - lease.since_s < self.lease_s:
                break
            expired.append(handle)
        self._free.extend(self._leases.pop(handle).event for handle in expired)
