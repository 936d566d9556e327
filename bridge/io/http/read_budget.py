"""The budget of arriving bodies: how many bytes have come, which senders wait, which slow ones are closed.

Every byte is charged when it arrives. Beyond the limit a body is not read on for the moment; those that wait
longest are resumed first. So that some are finished at all, a few of the waiting ones are read to their end
beside the limit.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

# Contract: slower than this after that time gives way when others wait.
_MIN_BYTES_PER_S = 1024
_RATE_GRACE_S = 5.0
_RATE_INTERVAL_S = 1.0
# What one that goes on may bring before it is asked again: one read of a small window.
_STEP_BYTES = 32 * 1024
# Thousands of bodies that came at once have waited long enough at once, too: so many are answered in one turn
# of the event loop.
_TIMED_OUT_MAX = 4
# Of those that wait, so many are resumed in one turn: each has up to a window to be read in the next one.
_RESUMED_IN_TURN_MAX = 2
# How many may have the large window at once: what they send ahead of our reading is memory of the kernel's.
_LARGE_WINDOWS_MAX = 8


class ClientInput(Protocol):
    """What is asked of a client's socket."""

    read_bytes: int
    """How many bytes were read: of a body some are charged only later."""

    def has_unread_bytes(self) -> bool:
        """Whether bytes of it are here that nobody has read yet."""


class BodySource(Protocol):
    """What is asked of a connection on which a body arrives."""

    @property
    def client(self) -> ClientInput:
        """Its socket."""

    def abort(self, reason: str) -> None:
        """Close it now; ``reason`` is what is counted."""


class IncomingBody:
    """One body that arrives: what of it is here, since when, and whether its sender is read on."""

    __slots__ = (
        "_checked_at_s",
        "_checked_bytes",
        "_checked_read_bytes",
        "has_large_window",
        "is_complete",
        "is_priority",
        "is_resumed",
        "received_bytes",
        "sequence",
        "source",
        "started_at_s",
        "waiter",
    )

    def __init__(self, source: BodySource, sequence: int, since_s: float) -> None:
        self.source = source
        self.sequence = sequence
        self.started_at_s = since_s
        self.received_bytes = 0
        self.is_complete = False
        self.has_large_window = False  # its sender has been given the large window
        self.is_priority = False  # read to its end whatever is here
        self.is_resumed = False  # goes on after a wait, and has brought nothing yet
        self.waiter: asyncio.Future[bool] | None = None  # while it waits
        self._checked_at_s = since_s
        self._checked_bytes = 0
        self._checked_read_bytes = source.client.read_bytes

    def reset_rate(self, now_s: float) -> None:
        """Count its rate from here on: before, it was not read."""
        self._checked_at_s, self._checked_bytes = now_s, self.received_bytes
        self._checked_read_bytes = self.source.client.read_bytes

    def cancel_wait(self) -> None:
        """Wait no longer: nothing more will come."""
        if self.waiter is not None:
            _time_out(self.waiter)

    def is_slow(self, now_s: float) -> bool:
        """Whether it brought less than it must since it was last judged, if that is long enough ago."""
        seconds = now_s - self._checked_at_s
        if self.is_complete or seconds < _RATE_INTERVAL_S:
            return False
        if self.waiter is not None:  # it is not read on: that it is slow is seen by what lies unread
            self._checked_at_s = now_s
            return not self.source.client.has_unread_bytes()
        charged_bytes = self.received_bytes - self._checked_bytes
        read_bytes = self.source.client.read_bytes - self._checked_read_bytes
        if max(charged_bytes, read_bytes) < _MIN_BYTES_PER_S * seconds:
            return True
        self.reset_rate(now_s)
        return False


class ReadBudget:
    """Bodies of at most ``body_max_bytes`` each, of which about ``limit_bytes`` may be here."""

    def __init__(self, limit_bytes: int, body_max_bytes: int, monotonic: Callable[[], float]) -> None:
        # Half of the limit, at most, is for those that are read to their end beside the other half.
        self._priority_slots = max(1, limit_bytes // 2 // body_max_bytes)
        self._shared_max_bytes = max(0, limit_bytes - self._priority_slots * body_max_bytes)
        self._shared_bytes = 0
        self._resumed: set[IncomingBody] = set()
        self._bodies: dict[IncomingBody, None] = {}  # the longest first
        self._waiters: list[tuple[int, IncomingBody]] = []  # a heap of the same order
        self._timed_out: deque[asyncio.Future[bool]] = deque()  # they wait for a turn, to be answered
        self._resumed_in_turn = 0
        self._sequence = count()
        self.large_windows = 0
        self._monotonic = monotonic

    @property
    def is_exhausted(self) -> bool:
        """Whether so many bytes are here, or so many bodies wait, that a body with more has to wait."""
        return bool(self._waiters) or self._shared_bytes > self._shared_max_bytes

    def start(self, source: BodySource) -> IncomingBody:
        """Begin with a body of which nothing is here yet."""
        body = IncomingBody(source, next(self._sequence), self._monotonic())
        self._bodies[body] = None
        return body

    def charge(self, body: IncomingBody, size: int) -> None:
        """Charge bytes that have come."""
        body.received_bytes += size
        if not body.is_priority:
            self._shared_bytes += size
        if body.is_resumed:
            body.is_resumed = False
            self._resumed.discard(body)

    def charge_pipelined(self, size: int) -> None:
        """Charge bytes of requests that stand behind another one of their connection; below 0: give back."""
        self._shared_bytes += size
        if size < 0:
            self._grant()

    def must_wait(self, body: IncomingBody) -> bool:
        """Whether the sender is to be read on only after a `wait`."""
        return self.is_exhausted and not (body.is_priority or body.is_complete)

    def grant_large_window(self, body: IncomingBody) -> bool:
        """Set the large TCP window for its sender, if few enough have it. Returns whether it was set now."""
        if body.has_large_window or (self.large_windows >= _LARGE_WINDOWS_MAX and not body.is_priority):
            return False
        body.has_large_window = True
        self.large_windows += 1
        return True

    async def wait(self, body: IncomingBody, timeout_s: float) -> bool:
        """Wait until the sender may be read on; False where it may not in time."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        body.waiter = waiter
        body.reset_rate(self._monotonic())
        heappush(self._waiters, (body.sequence, body))
        self._grant()
        timer = loop.call_later(timeout_s, self._on_timeout, waiter)
        try:
            return await waiter
        finally:
            timer.cancel()
            body.waiter = None
            body.reset_rate(self._monotonic())
            self._grant()

    def release(self, body: IncomingBody) -> None:
        """Give back what was charged: it is in work, or was dropped."""
        if body not in self._bodies:
            return
        del self._bodies[body]
        self._resumed.discard(body)
        self.large_windows -= body.has_large_window
        if body.is_priority:
            self._priority_slots += 1
        else:
            self._shared_bytes -= body.received_bytes
        self._grant()

    def check_rates(self) -> None:
        """Close senders that are too slow while others wait."""
        if not self._waiters:
            return
        for body in self._resumed:
            body.is_resumed = False
        self._resumed.clear()
        self._grant()
        now_s = self._monotonic()
        if not self._waiters:
            return
        slow = []
        for body in self._bodies:
            if now_s - body.started_at_s < _RATE_GRACE_S:
                break
            if body.is_slow(now_s):
                slow.append(body)
        for body in slow:
            body.source.abort("below_min_rate")

    def _on_timeout(self, waiter: asyncio.Future[bool]) -> None:
        """Have a wait end without success, in one of the next turns."""
        if not self._timed_out:
            loop = waiter.get_loop()
            loop.call_soon(self._end_waits, loop)
        self._timed_out.append(waiter)

    def _end_waits(self, loop: asyncio.AbstractEventLoop) -> None:
        """End as many as one turn may: one that was resumed meanwhile goes on."""
        for _ in range(min(_TIMED_OUT_MAX, len(self._timed_out))):
            _time_out(self._timed_out.popleft())
        if self._timed_out:
            loop.call_soon(self._end_waits, loop)

    def _grant(self) -> None:
        """Resume the bodies that wait longest, while there is budget for their next bytes."""
        while self._waiters and self._resumed_in_turn < _RESUMED_IN_TURN_MAX:
            body = self._waiters[0][1]
            waiter = body.waiter
            if waiter is None or waiter.done():
                heappop(self._waiters)
                continue
            if not self._resume(body):
                return
            heappop(self._waiters)
            if not self._resumed_in_turn:
                waiter.get_loop().call_soon(self._next_turn)
            self._resumed_in_turn += 1
            waiter.set_result(True)

    def _resume(self, body: IncomingBody) -> bool:
        """Give a body the budget for its next bytes, or for all of it. Returns whether there was some."""
        expected_bytes = len(self._resumed) * _STEP_BYTES
        if self._shared_bytes + expected_bytes < self._shared_max_bytes:
            body.is_resumed = True
            self._resumed.add(body)
        elif self._priority_slots > 0:
            self._priority_slots -= 1
            body.is_priority = True
            self._shared_bytes -= body.received_bytes
        else:
            return False
        return True

    def _next_turn(self) -> None:
        """Resume those for which there was budget, and no turn."""
        self._resumed_in_turn = 0
        self._grant()


def _time_out(waiter: asyncio.Future[bool]) -> None:
    if not waiter.done():
        waiter.set_result(False)
