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


class SpoolEntry(Struct, eq=False, gc=False):
    """One record in the spool. ``segment`` is None where it is not in the spool, or no longer.

    It is durable once it ``is_resolved`` without an ``error``.
    """

    _actions: EntryActions
    segment: Segment | None = None
    index: int = 0
    is_resolved: bool = False
    error: UnavailableError | None = None
    _callback: Callable[[UnavailableError | None], None] | None = None
    _durable: "asyncio.Future[None] | None" = None

    @property
    def durable(self) -> "asyncio.Future[None]":
        """Ends with None once it is on disk, or with `UnavailableError`. Made where somebody asks for it."""
        if self._durable is None:
            self._durable = asyncio.get_running_loop().create_future()
            if self.is_resolved:
                self._resolve_future(self._durable)
        return self._durable

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
        if self.is_resolved:
            callback(self.error)
        else:
            self._callback = callback

    def resolve(self, failure_reason: str = "") -> None:
        """Resolve as durable, or as failed with a reason. The index must be up to date by now.

        A bug in the callback does not keep others from being resolved.
        """
        self.is_resolved = True
        if failure_reason:
            self.error = UnavailableError(f"spool: {failure_reason}")
            self.segment = None
        if self._durable is not None:
            self._resolve_future(self._durable)
        callback, self._callback = self._callback, None
        if callback is not None:
            try:
                callback(self.error)
            except Exception as error:  # noqa: BLE001 - it is reported, and counted as a bug
                context = {"message": "a callback of a spooled record failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)

    def _resolve_future(self, durable: "asyncio.Future[None]") -> None:
        if durable.done():  # a waiter may have cancelled it
            return
        if self.error is None:
            durable.set_result(None)
        else:
            durable.set_exception(self.error)
            durable.exception()  # marks it as retrieved: nobody has to wait for it
