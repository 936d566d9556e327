"""What the delivery asks of the outside world. Each Protocol stands here once; `io/` implements them.

Nothing of Redis, Kafka's client or the disk is known here. All calls are made on the event loop's thread and
none of them blocks it; callbacks run inline in the call that decides the result.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from bridge.aio.promise import Promise
from bridge.core.claim import Claim
from bridge.core.event import Record
from bridge.core.outcome import DeliveryOutcome, RejectedError, UnavailableError


class DedupStore(Protocol):
    """Remembers which events were delivered. Every promise resolves within a time limit and never fails."""

    def claim(self, claim: Claim) -> Promise[Claim]:
        """Claim an event. The result's ``status`` is UNAVAILABLE if the store did not answer in time."""

    def commit(self, claim: Claim) -> Promise[bool]:
        """Remember that the event is durable. Resolves to whether the store acknowledged it."""

    def release(self, claim: Claim) -> Promise[bool]:
        """Give the claim back: the event is not durable. Resolves to whether the store acknowledged it."""

    async def renew(self, claims: Iterable[Claim]) -> None:
        """Extend the leases of claims whose owner is still working."""


class WriteHandle(Protocol):
    """A record on its way to where it is durable: Kafka or the spool."""

    @property
    def durable(self) -> Promise[DeliveryOutcome]:
        """Resolves to PUBLISHED or SPOOLED; fails with `UnavailableError` or `RejectedError` (too large)."""

    def withdraw(self) -> bool:
        """Take the record back. False if it may still become durable."""


class RecordWriter(Protocol):
    """Makes records durable, in the order given per key."""

    @property
    def accepting(self) -> bool:
        """Whether a record would become durable at once."""

    def send(self, record: Record) -> WriteHandle:
        """Start to write ``record``. Raises `UnavailableError` if its buffer is full."""


class DeliveryCallbacks(Protocol):
    """Callbacks of a record sent to Kafka: one of the first three, once; `on_stalled` may precede it."""

    def on_delivered(self) -> None:
        """Kafka has acknowledged the record."""

    def on_failed(self, error: UnavailableError | RejectedError) -> None:
        """Kafka does not have the record, and it will not be sent again."""

    def on_indeterminate(self) -> bool:
        """Handle that the producer was discarded before an acknowledgement.

        The record may or may not be in Kafka. Return True if the record is safe elsewhere (spool); False to
        have it re-sent, possibly as a duplicate.
        """

    def on_stalled(self) -> bool:
        """Handle that the record was not acknowledged, or not sent, in time; its result may still come.

        May be called again. Return False if the record is kept nowhere else.
        """


class SendHandle(Protocol):
    """A record on its way to Kafka."""

    def withdraw(self) -> bool:
        """Take the record back. False if it has entered the producer: Kafka may get it."""


class Publisher(Protocol):
    """Writes to Kafka, in the order given per key."""

    @property
    def availability_epoch(self) -> int:
        """Grows whenever more may be sent than before: a record that was skipped is worth another look."""

    @property
    def accepting(self) -> bool:
        """Whether records are sent now."""

    def accepts(self, topic: str, key_hash: int) -> bool:
        """Whether a record of that topic and key hash would be sent now."""

    def try_send(self, record: Record, callbacks: DeliveryCallbacks) -> SendHandle | None:
        """Send ``record`` if it can leave now; None if it cannot."""

    def send(self, record: Record, callbacks: DeliveryCallbacks) -> SendHandle:
        """Send ``record``, however long it has to wait. Raises `UnavailableError` if the buffer is full."""

    def divert_earlier(self, record: Record) -> None:
        """Call `on_stalled` of the earlier records of this key: ``record`` is about to be spooled."""


class SpoolHandle(Protocol):
    """A record in the spool."""

    def on_durable(self, callback: Callable[[UnavailableError | None], None]) -> None:
        """Call ``callback`` inline once the record is on disk (None), or known not to be (the error)."""

    def make_available(self) -> None:
        """Let it be drained: Kafka does not have it, or nobody will ever know."""

    def remove(self) -> None:
        """Delete it: it is in Kafka. May be called before it is durable, and more than once."""

    def quarantine(self, reason: str) -> None:
        """Move it to the file of damaged records, for a person: no topic takes it."""


class SpoolAppender(Protocol):
    """The half of the spool that takes records in."""

    def accepts_size(self, size: int) -> bool:
        """Whether a record of ``size`` bytes would be tried."""

    def accepts(self, record: Record) -> bool:
        """Whether `append` would try ``record`` now."""

    def has_pending(self, record: Record) -> bool:
        """Whether records of its key are in the spool: later ones must be spooled behind them."""

    def append(self, record: Record, *, pending: bool = False) -> SpoolHandle:
        """Store ``record``. A ``pending`` one is not drained yet: it may be in Kafka."""


class SpoolStore(SpoolAppender, Protocol):
    """The spool on disk, oldest record first. ``wake`` is set whenever there may be more to read."""

    wake: asyncio.Event

    @property
    def records(self) -> int:
        """How many records it holds."""

    def rewind(self) -> None:
        """Start reading at the oldest record again."""

    async def read(
        self, max_bytes: int, skip: Callable[[str, int], bool]
    ) -> Sequence[tuple[SpoolHandle, Record]]:
        """Lease the next drainable records in order; those for which ``skip(topic, key_hash)`` stay."""
