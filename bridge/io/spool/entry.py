"""The handle of one record in the spool: where it is, and whether it is durable. Only the loop touches it."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from bridge.core.outcome import UnavailableError
from bridge.io.spool.segment import Segment


class EntryStore(Protocol):
    """Where an entry is kept."""

    def make_available(self, entry: "SpoolEntry") -> None:
        """Let it be read, for the first time or again."""

    def remove(self, entry: "SpoolEntry") -> None:
        """Let it leave."""

    def quarantine(self, entry: "SpoolEntry", reason: str) -> None:
        """Let it leave for a file of damaged records."""


class SpoolEntry:
    """One record in the spool. ``kept`` ends with None once it is durable, or with `Unavailable`."""

    __slots__ = ("_callback", "_spool", "durable", "index", "segment")

    def __init__(
        self,
        spool: EntryStore,
        durable: "asyncio.Future[None]",
        segment: Segment | None = None,
        index: int = 0,
    ) -> None:
        self._spool = spool
        self._callback: Callable[[UnavailableError | None], None] | None = None
        self.durable = durable
        self.segment = segment  # None: it is not in the spool, or no longer
        self.index = index

    def make_available(self) -> None:
        """Let it be read, for the first time or again: Kafka does not have it, or nobody will ever know."""
        self._spool.make_available(self)

    def remove(self) -> None:
        """Let it leave: it is in Kafka, or no longer wanted. Also before it is durable; more than once."""
        self._spool.remove(self)

    def quarantine(self, reason: str) -> None:
        """Let it leave for a file of damaged records, for a person: no topic takes it."""
        self._spool.quarantine(self, reason)

    def on_durable(self, callback: Callable[[UnavailableError | None], None]) -> None:
        """Call ``then`` in the moment in which it is durable, or known not to become so.

        In that moment and not a turn of the loop later, in which somebody of the same key could overtake.
        """
        if self.durable.done():
            error = self.durable.exception()
            callback(error if isinstance(error, UnavailableError) else None)
        else:
            self._callback = callback

    def resolve(self, failure_reason: str = "") -> None:
        """End as kept, or as not kept. What the ledger says of it must be true by now."""
        error = UnavailableError(f"spool: {failure_reason}") if failure_reason else None
        if error is not None:
            self.segment = None
        if not self.durable.done():  # whoever asked may be gone
            if error is None:
                self.durable.set_result(None)
            else:
                self.durable.set_exception(error)
                self.durable.exception()  # whoever waits gets it; nobody need
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(error)
