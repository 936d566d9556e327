"""The handle of one record in the spool: where it is, and whether it is durable. Only the loop touches it."""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from bridge.core.outcome import UnavailableError
from bridge.io.spool.segment import Segment


class EntryActions(Struct, frozen=True):
    """What an entry can have done to its record; the spool's methods of the same names."""

    make_available: Callable[["SpoolEntry"], None]
    remove: Callable[["SpoolEntry"], None]
    quarantine: Callable[["SpoolEntry", str], None]


class SpoolEntry:
    """One record in the spool. ``durable`` ends with None once it is on disk, or with `UnavailableError`."""

    __slots__ = ("_actions", "_callback", "durable", "index", "segment")

    def __init__(
        self,
        actions: EntryActions,
        durable: "asyncio.Future[None]",
        segment: Segment | None = None,
        index: int = 0,
    ) -> None:
        self._actions = actions
        self._callback: Callable[[UnavailableError | None], None] | None = None
        self.durable = durable
        self.segment = segment  # None: it is not in the spool, or no longer
        self.index = index

    def make_available(self) -> None:
        """Let it be read, for the first time or again: it is not known to be in Kafka."""
        self._actions.make_available(self)

    def remove(self) -> None:
        """Delete it: it is in Kafka, or no longer wanted. Also before it is durable, and repeatedly."""
        self._actions.remove(self)

    def quarantine(self, reason: str) -> None:
        """Move it to a file of damaged records, for a person: no topic takes it."""
        self._actions.quarantine(self, reason)

    def on_durable(self, callback: Callable[[UnavailableError | None], None]) -> None:
        """Call ``callback`` inline once it is durable (None), or known not to become so (the error).

        Not a turn of the loop later, in which another record of the same key could overtake.
        """
        if self.durable.done():
            error = self.durable.exception()
            callback(error if isinstance(error, UnavailableError) else None)
        else:
            self._callback = callback

    def resolve(self, failure_reason: str = "") -> None:
        """Resolve as durable, or as failed with a reason. The index must be up to date by now."""
        error = UnavailableError(f"spool: {failure_reason}") if failure_reason else None
        if error is not None:
            self.segment = None
        if not self.durable.done():  # a waiter may have cancelled it
            if error is None:
                self.durable.set_result(None)
            else:
                self.durable.set_exception(error)
                self.durable.exception()  # marks it as retrieved: nobody has to wait for it
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(error)
