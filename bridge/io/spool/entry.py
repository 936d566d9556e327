"""The handle of one record in the spool: where it is, and whether it is durable. Only the loop touches it."""

import asyncio
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

    __slots__ = ("_home", "index", "kept", "segment")

    def __init__(
        self, home: Home, kept: "asyncio.Future[None]", segment: Segment | None = None, index: int = 0
    ) -> None:
        self._home = home
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

    def refuse(self, why: str) -> None:
        """End as not kept."""
        self.segment = None
        if not self.kept.done():
            self.kept.set_exception(Unavailable(f"spool: {why}"))
            self.kept.exception()  # whoever waits gets it; nobody need
