"""The handle of one record in the spool: where it is, and whether it is durable. Only the loop touches it."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from bridge.core.outcome import Unavailable
from bridge.io.spool.segment import Segment


class Home(Protocol):
    """Where an entry is kept."""

    def free(self, entry: "Entry") -> None:
        """Let it be read, for the first time or again."""

    def remove(self, entry: "Entry") -> None:
        """Let it leave."""

    def set_aside(self, entry: "Entry", why: str) -> None:
        """Let it leave for a file of damaged records."""


class Entry:
    """One record in the spool. ``kept`` ends with None once it is durable, or with `Unavailable`."""

    __slots__ = ("_home", "_then", "index", "kept", "segment")

    def __init__(
        self, home: Home, kept: "asyncio.Future[None]", segment: Segment | None = None, index: int = 0
    ) -> None:
        self._home = home
        self._then: Callable[[Unavailable | None], None] | None = None
        self.kept = kept
        self.segment = segment  # None: it is not in the spool, or no longer
        self.index = index

    def free(self) -> None:
        """Let it be read, for the first time or again: Kafka does not have it, or nobody will ever know."""
        self._home.free(self)

    def remove(self) -> None:
        """Let it leave: it is in Kafka, or no longer wanted. Also before it is durable; more than once."""
        self._home.remove(self)

    def set_aside(self, why: str) -> None:
        """Let it leave for a file of damaged records, for a person: no topic takes it."""
        self._home.set_aside(self, why)

    def when_kept(self, then: Callable[[Unavailable | None], None]) -> None:
        """Call ``then`` in the moment in which it is durable, or known not to become so.

        In that moment and not a turn of the loop later, in which somebody of the same key could overtake.
        """
        if self.kept.done():
            error = self.kept.exception()
            then(error if isinstance(error, Unavailable) else None)
        else:
            self._then = then

    def settle(self, why_not: str = "") -> None:
        """End as kept, or as not kept. What the ledger says of it must be true by now."""
        error = Unavailable(f"spool: {why_not}") if why_not else None
        if error is not None:
            self.segment = None
        if not self.kept.done():  # whoever asked may be gone
            if error is None:
                self.kept.set_result(None)
            else:
                self.kept.set_exception(error)
                self.kept.exception()  # whoever waits gets it; nobody need
        then, self._then = self._then, None
        if then is not None:
            then(error)
