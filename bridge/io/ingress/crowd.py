"""All connections of the door, and which of them may be closed: the slow, and the idle for room.

The end of the file says what a connection may ask of the house that it is in.
"""

from collections.abc import Iterator
from typing import Protocol

from bridge.io.ingress.refusals import Refusals


class Guest(Protocol):
    """What the crowd needs of a connection."""

    def cut(self, reason: str) -> None:
        """Close it now; ``reason`` is what is counted."""

    @property
    def answering(self) -> bool:
        """Whether a request is being worked on: then what arrives behind it may take its time."""


class Crowd:
    """Who is there. Each change costs a dictionary's insert: this stands on the hot path."""

    def __init__(self, most: int, read_timeout_s: float, write_timeout_s: float) -> None:
        self._most = most
        self._read_timeout_s = read_timeout_s
        self._write_timeout_s = write_timeout_s
        self._present: set[Guest] = set()
        # Each in the order in which it began: the longest first.
        self._idle: dict[Guest, None] = {}
        self._arriving: dict[Guest, float] = {}
        self._not_reading: dict[Guest, float] = {}

    def __len__(self) -> int:
        return len(self._present)

    def __iter__(self) -> Iterator[Guest]:
        return iter(tuple(self._present))

    def join(self, guest: Guest) -> bool:
        """Let a connection in; at the cap the longest idle one goes, else the one that is longest in sending.

        False where every other one is being answered: then the new one goes.
        """
        if len(self._present) >= self._most:
            victim = next(iter(self._idle), None) or self._longest_arriving()
            if victim is None:
                guest.cut("connections")
                return False
            victim.cut("" if victim in self._idle else "connections")
            self.leave(victim)
        self._present.add(guest)
        self._idle[guest] = None
        return True

    def _longest_arriving(self) -> Guest | None:
        return next((guest for guest in self._arriving if not guest.answering), None)

    def leave(self, guest: Guest) -> None:
        """Forget a connection."""
        self._present.discard(guest)
        self._idle.pop(guest, None)
        self._arriving.pop(guest, None)
        self._not_reading.pop(guest, None)

    def idle(self, guest: Guest) -> None:
        """Note that nothing is asked of us there."""
        if guest in self._present and guest not in self._arriving:
            self._idle[guest] = None

    def busy(self, guest: Guest) -> None:
        """Note that a request has come there."""
        self._idle.pop(guest, None)

    def arriving(self, guest: Guest, now: float) -> None:
        """Note that a request's first byte came and its last one did not; the first note counts."""
        if guest in self._present:
            self._idle.pop(guest, None)
            self._arriving.setdefault(guest, now)

    def arrived(self, guest: Guest) -> None:
        """Note that a request's last byte came."""
        self._arriving.pop(guest, None)

    def not_reading(self, guest: Guest, now: float) -> None:
        """Note that more answers wait for its client than it is given."""
        if guest in self._present:
            self._not_reading.setdefault(guest, now)

    def reading(self, guest: Guest) -> None:
        """Note that its client has read answers again."""
        self._not_reading.pop(guest, None)

    def cut_slow(self, now: float) -> None:
        """Close every connection whose request arrives, or whose answers wait, for too long."""
        for guest, since in tuple(self._not_reading.items()):
            if now - since < self._write_timeout_s:
                break
            del self._not_reading[guest]
            guest.cut("not_read")
        late = []
        for guest, since in self._arriving.items():
            if now - since < self._read_timeout_s:
                break
            late.append(guest)
        for guest in late:
            del self._arriving[guest]
            if guest.answering:
                self._arriving[guest] = now
            else:
                guest.cut("timeout")

    def cut_idle(self) -> None:
        """Close every connection on which nothing is asked of us."""
        for guest in tuple(self._idle):
            guest.cut("")


class House(Protocol):
    """What a connection needs of the door it belongs to."""

    crowd: Crowd
    draining: bool
    shut: bool
    refusals: Refusals
    hold_s: float

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""

    def date(self) -> bytes:
        """Tell the time as a Date header has it."""

    def broken(self, error: BaseException) -> None:
        """Take note of a bug."""

    def serve(self, guest: Guest) -> None:
        """Take note of a connection that requests may come from."""

    def ended(self, guest: Guest) -> None:
        """Take note that all of them are answered, and that no more are taken."""
