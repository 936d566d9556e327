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


def confirmable(handles: Sequence[str]) -> list[str]:
    """Return the handles that are not empty. Raises ValueError if there are too many for one call."""
    if len(handles) > MAX_HANDLES:
        raise ValueError(f"{len(handles)} handles in one call, which takes {MAX_HANDLES}")
    return [handle for handle in handles if handle]
