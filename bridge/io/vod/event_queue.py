"""An application's event queue at the vendor, as the poller and the confirmer see it, by either interface."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

MAX_HANDLES = 16


class PulledEvent(Struct, frozen=True):
    """An event as it was fetched: ``body`` is the vendor's bytes, untouched.

    ``handle`` is "" where the vendor gave none that can be used: such an event goes its way like any other
    and cannot be confirmed, so the vendor sends it again and deduplication swallows it.
    """

    handle: str
    body: bytes


class EventQueue(Protocol):
    """An application's event queue at the vendor, by either interface."""

    async def pull(self) -> list[PulledEvent]:
        """Fetch some events; empty if none came while the vendor held the call."""
        ...

    async def confirm(self, handles: Sequence[str]) -> None:
        """Delete at most 16 events from the queue: all of them, or none and an error is raised."""
        ...


class UnconfirmedQueue:
    """A queue that is only looked at: nothing is confirmed, and each event is handed out again."""

    def __init__(self, queue: EventQueue) -> None:
        self._queue = queue

    async def pull(self) -> list[PulledEvent]:
        """Fetch some events; they are leased for 30 s."""
        return await self._queue.pull()

    async def confirm(self, handles: Sequence[str]) -> None:
        """Do nothing: the leases end by themselves."""


def confirmable(handles: Sequence[str]) -> list[str]:
    """Return the handles that are not empty. Raises ValueError if there are too many for one call."""
    if len(handles) > MAX_HANDLES:
        raise ValueError(f"{len(handles)} handles in one call, which takes {MAX_HANDLES}")
    return [handle for handle in handles if handle]
