"""Bodies that arrive: how many bytes of them are here, who has to wait, and who has to give way.

Every byte is charged when it has come. Where too many are here, whoever brings more is not read on for the
moment; the longest waiting go on first. So that some are finished at all, a few of those that wait are read
to their end beside the limit.
"""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

# Contract: slower than this after that time gives way when others wait.
_LEAST_BYTES_PER_S = 1024
_UNJUDGED_S = 5.0
_JUDGED_EVERY_S = 1.0
# What one that goes on may bring before it is asked again: one read of a small window.
_STEP_BYTES = 32 * 1024
# How many may have the large window at once: what they send ahead of our reading is memory of the kernel's.
_WIDE_MAX = 8


class Sender(Protocol):
    """What is asked of a connection on which a body arrives."""

    def cut(self, reason: str) -> None:
        """Close it now; ``reason`` is what is counted."""

    def has_sent_more(self) -> bool:
        """Whether bytes of it are here that nobody has read yet."""


class Arrival:
    """One body that arrives: what of it is here, since when, and whether its sender is read on."""

    __slots__ = (
        "_judged_bytes",
        "_judged_s",
        "expected",
        "here_bytes",
        "number",
        "priority",
        "sender",
        "since_s",
        "turn",
        "whole",
        "wide",
    )

    def __init__(self, sender: Sender, number: int, since_s: float) -> None:
        self.sender = sender
        self.number = number
        self.since_s = since_s
        self.here_bytes = 0
        self.whole = False
        self.wide = False  # its sender has been given the large window
        self.priority = False  # read to its end whatever is here
        self.expected = False  # goes on after a wait, and has brought nothing yet
        self.turn: asyncio.Future[bool] | None = None  # while it waits
        self._judged_s = since_s
        self._judged_bytes = 0

    def judge_anew(self, now_s: float) -> None:
        """Count its rate from here on: before, it was not read."""
        self._judged_s, self._judged_bytes = now_s, self.here_bytes

    def give_up(self) -> None:
        """Wait no longer: nothing more will come."""
        if self.turn is not None:
            _give_up(self.turn)

    def is_slow(self, now_s: float) -> bool:
        """Whether it brought less than it must since it was last judged, if that is long enough ago."""
        seconds = now_s - self._judged_s
        if self.whole or seconds < _JUDGED_EVERY_S:
            return False
        if self.turn is not None:  # it is not read on: that it is slow is seen by what lies unread
            self._judged_s = now_s
            return not self.sender.has_sent_more()
        if self.here_bytes - self._judged_bytes < _LEAST_BYTES_PER_S * seconds:
            return True
        self.judge_anew(now_s)
        return False


class Arrivals:
    """Bodies of at most ``body_max_bytes`` each, of which about ``limit_bytes`` may be here."""

    def __init__(self, limit_bytes: int, body_max_bytes: int, monotonic: Callable[[], float]) -> None:
        # Half of the limit, at most, is for those that are read to their end beside the other half.
        self._priorities = max(1, limit_bytes // 2 // body_max_bytes)
        self._shared_max_bytes = max(0, limit_bytes - self._priorities * body_max_bytes)
        self._shared_bytes = 0
        self._expected: set[Arrival] = set()
        self._present: dict[Arrival, None] = {}  # the longest first
        self._waiting: list[tuple[int, Arrival]] = []  # a heap of the same order
        self._numbers = count()
        self.widened = 0
        self._monotonic = monotonic

    @property
    def is_over(self) -> bool:
        """Whether so much is here, or so many wait, that whoever brings more has to wait."""
        return bool(self._waiting) or self._shared_bytes > self._shared_max_bytes

    def begin(self, sender: Sender) -> Arrival:
        """Begin with a body of which nothing is here yet."""
        arrival = Arrival(sender, next(self._numbers), self._monotonic())
        self._present[arrival] = None
        return arrival

    def add(self, arrival: Arrival, size: int) -> None:
        """Charge bytes that have come."""
        arrival.here_bytes += size
        if not arrival.priority:
            self._shared_bytes += size
        if arrival.expected:
            arrival.expected = False
            self._expected.discard(arrival)

    def charge_queued(self, size: int) -> None:
        """Charge bytes of requests that stand behind another one of their connection; below 0: give back."""
        self._shared_bytes += size
        if size < 0:
            self._serve()

    def must_wait(self, arrival: Arrival) -> bool:
        """Whether the sender is to be read on only after a `wait`."""
        return self.is_over and not (arrival.priority or arrival.whole)

    def widen(self, arrival: Arrival) -> bool:
        """Give its sender the large window, if few enough have it; tell whether it got it now."""
        if arrival.wide or (self.widened >= _WIDE_MAX and not arrival.priority):
            return False
        arrival.wide = True
        self.widened += 1
        return True

    async def wait(self, arrival: Arrival, seconds: float) -> bool:
        """Wait until the sender may be read on; False where it may not in time."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        arrival.turn = turn
        arrival.judge_anew(self._monotonic())
        heappush(self._waiting, (arrival.number, arrival))
        self._serve()
        timer = loop.call_later(seconds, _give_up, turn)
        try:
            return await turn
        finally:
            timer.cancel()
            arrival.turn = None
            arrival.judge_anew(self._monotonic())
            self._serve()

    def end(self, arrival: Arrival) -> None:
        """Give back what was charged: it is in work, or was dropped."""
        if arrival not in self._present:
            return
        del self._present[arrival]
        self._expected.discard(arrival)
        self.widened -= arrival.wide
        if arrival.priority:
            self._priorities += 1
        else:
            self._shared_bytes -= arrival.here_bytes
        self._serve()

    def check_rates(self) -> None:
        """Cut whoever is too slow while others wait."""
        if not self._waiting:
            return
        for arrival in self._expected:
            arrival.expected = False
        self._expected.clear()
        self._serve()
        now_s = self._monotonic()
        if not self._waiting:
            return
        slow = []
        for arrival in self._present:
            if now_s - arrival.since_s < _UNJUDGED_S:
                break
            if arrival.is_slow(now_s):
                slow.append(arrival)
        for arrival in slow:
            arrival.sender.cut("slow")

    def _serve(self) -> None:
        """Let go on who waits longest, while there is room for what they will bring next."""
        while self._waiting:
            arrival = self._waiting[0][1]
            turn = arrival.turn
            if turn is None or turn.done():
                heappop(self._waiting)
                continue
            expected_bytes = len(self._expected) * _STEP_BYTES
            if self._shared_bytes + expected_bytes < self._shared_max_bytes:
                arrival.expected = True
                self._expected.add(arrival)
            elif self._priorities > 0:
                self._priorities -= 1
                arrival.priority = True
                self._shared_bytes -= arrival.here_bytes
            else:
                return
            heappop(self._waiting)
            turn.set_result(True)


def _give_up(turn: asyncio.Future[bool]) -> None:
    if not turn.done():
        turn.set_result(False)
