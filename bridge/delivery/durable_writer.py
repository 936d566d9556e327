"""Makes a record durable: in Kafka, or in the spool while Kafka does not take it.

Nothing here knows Kafka's client or the disk; what it needs of them is in `ports`. `drain` moves records from
the spool to Kafka.
"""

from msgspec import Struct, field

from bridge.aio.promise import Promise
from bridge.core.event import Record
from bridge.core.outcome import DeliveryOutcome, RejectedError, UnavailableError
from bridge.delivery.key_order import KeyOrder
from bridge.delivery.ports import Publisher, SendHandle, SpoolAppender, SpoolHandle

_SPOOL_FULL_FOR_KEY = UnavailableError("the spool is full, and others of its key are before it")
_KEY_IN_SPOOL = UnavailableError("the spool does not take what comes behind others of its key")
_EARLIER_FAILED = UnavailableError("an earlier record of its key is not durable")


class PendingWrite(Struct, eq=False):
    """One record until it is durable. ``durable`` resolves to the outcome, or fails.

    Where it is, by ``send_handle`` and ``_entry``:

    ============ ======= =====================================================================
    send_handle _entry  state
    ============ ======= =====================================================================
    set          None    queued for Kafka or in the producer
    None         set     in the spool, to be drained
    set          set     in both, because the send stalled; whichever ends first decides
    None         None    not started, or finished
    ============ ======= =====================================================================

    ``_unspooled``: in the producer alone, although the spool was tried.
    """

    _writer: "DurableWriter"
    _record: Record
    send_handle: SendHandle | None = None
    _entry: SpoolHandle | None = None
    _unspooled: bool = False
    number: int = 0
    durable: Promise[DeliveryOutcome] = field(default_factory=Promise)

    def spool_or_queue(self) -> None:
        """Spool it, for Kafka does not take it now; where the spool does not either, queue it for Kafka."""
        spool, record = self._writer.spool, self._record
        if spool.accepts(record) and not spool.has_pending(record):
            # What came earlier of this key waits for Kafka: in the spool it must stand before this one.
            self._writer.publisher.divert_earlier(record)
        if not self._try_spool():
            self._send_when_possible()

    def withdraw(self) -> bool:
        """Take the record back. False if it may still become durable."""
        if not self.durable.pending or self._entry is not None:
            return False
        if not self._withdraw_send():
            return False
        self._finish(UnavailableError("withdrawn"))
        return True

    def _withdraw_send(self) -> bool:
        """Take the record back from the publisher. False if it is not there, or in flight."""
        return self.send_handle is not None and self.send_handle.withdraw()

    # Callbacks of the publisher

    def on_delivered(self) -> None:
        """Finish as published, and delete the copy in the spool."""
        self.send_handle = None
        if self._unspooled:
            self._set_unspooled(unspooled=False)
        if self._entry is not None:
            self._entry.remove()
        if self.durable.pending:
            self.durable.set_result(DeliveryOutcome.PUBLISHED)

    def on_failed(self, error: UnavailableError | RejectedError) -> None:
        """Let the copy in the spool be drained, or spool it now; a rejected record fails."""
        self.send_handle = None
        if self._entry is not None:
            self._entry.make_available()
        elif isinstance(error, RejectedError):
            self._finish(error)
        elif not self._try_spool():
            self._fail(error)

    def on_indeterminate(self) -> bool:
        """Let the copy in the spool be drained: it may then be in Kafka twice. True if it is safe there."""
        if self._entry is not None:
            self.send_handle = None
            self._entry.make_available()
            return True
        if not self._writer.spool.has_pending(self._record):
            return False
        # Sent again, it would overtake those of its key that are in the spool.
        self.send_handle = None
        if not self._try_spool():
            self._fail(_SPOOL_FULL_FOR_KEY)
        return True

    def on_stalled(self) -> bool:
        """Spool it as well, or instead if it is not in the producer. True if it is safe or has failed."""
        if self._entry is not None:
            return True
        writer = self._writer
        if writer.order.has_failed(self._record) and self._withdraw_send():
            self._fail(_EARLIER_FAILED)
            return True
        if writer.order.is_behind_unspooled(self, self._record):
            self._set_unspooled(unspooled=True)
            return False
        if writer.spool.accepts(self._record):
            withdrawn = self._withdraw_send()
            if withdrawn:
                self.send_handle = None
            self._set_unspooled(unspooled=False)
            self._append(pending=not withdrawn)
            return self._entry is not None
        if writer.spool.has_pending(self._record) and self._withdraw_send():
            # Left where it is, it would overtake those of its key that are in the spool.
            self._fail(_SPOOL_FULL_FOR_KEY)
            return True
        self._set_unspooled(unspooled=True)
        return False

    # The spool

    def _try_spool(self) -> bool:
        """Append it to the spool. False if the spool does not accept it, or the order forbids it."""
        writer, record = self._writer, self._record
        behind = writer.order.has_failed(record) or writer.order.is_behind_unspooled(self, record)
        if behind or not writer.spool.accepts(record):
            return False
        self._set_unspooled(unspooled=False)
        self._append()
        return True

    def _set_unspooled(self, *, unspooled: bool) -> None:
        """Note whether it is in the producer alone although the spool was tried."""
        if unspooled != self._unspooled:
            self._unspooled = unspooled
            self._writer.order.note_unspooled(self, self._record, unspooled=unspooled)

    def _append(self, *, pending: bool = False) -> None:
        self._writer.order.assign_number(self)
        self._entry = self._writer.spool.append(self._record, pending=pending)
        self._entry.on_durable(self._on_spooled)

    def _on_spooled(self, error: UnavailableError | None) -> None:
        if error is None:
            # From here on it may be reported as durable: whatever becomes of this process, it is on the disk.
            self._finish(DeliveryOutcome.SPOOLED)
            return
        self._entry = None
        if self.send_handle is None:
            self._send_when_possible()
        else:
            self._set_unspooled(unspooled=True)

    def _send_when_possible(self) -> None:
        """Queue it for Kafka: the spool does not accept it. Behind spooled ones of its key it fails."""
        if not self.durable.pending:
            return
        failed = self._writer.order.has_failed(self._record)
        if failed or self._writer.spool.has_pending(self._record):
            self._fail(_EARLIER_FAILED if failed else _KEY_IN_SPOOL)
            return
        try:
            self.send_handle = self._writer.publisher.send(self._record, self)
        except UnavailableError as error:
            self._fail(error)

    def _fail(self, error: UnavailableError) -> None:
        self._writer.order.note_failure(self._record)
        self._finish(error)

    def _finish(self, outcome: DeliveryOutcome | UnavailableError | RejectedError) -> None:
        if isinstance(outcome, Exception):
            self.send_handle = None
            self._set_unspooled(unspooled=False)
        if not self.durable.pending:
            return
        if isinstance(outcome, Exception):
            self.durable.set_exception(outcome)
        else:
            self.durable.set_result(outcome)


class DurableWriter:
    """Makes records durable, in the order given per key. For the event loop's thread."""

    def __init__(self, publisher: Publisher, spool: SpoolAppender) -> None:
        self.publisher = publisher
        self.spool = spool
        self.order = KeyOrder()

    @property
    def accepting(self) -> bool:
        """Whether a record would become durable at once."""
        return self.publisher.accepting or self.spool.accepts_size(0)

    def send(self, record: Record) -> PendingWrite:
        """Start to write ``record``. Its `PendingWrite.durable` may be done already."""
        write = PendingWrite(self, record)
        # What came earlier of this key is in the spool: past it, the order would be lost.
        if not self.spool.has_pending(record):
            write.send_handle = self.publisher.try_send(record, write)
        if write.send_handle is None:
            write.spool_or_queue()
        return write
