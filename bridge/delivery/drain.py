"""Moves records from the spool to Kafka, in order per key, beside the live traffic.

It starts by itself when Kafka accepts spooled records. A topic or a partition that accepts none holds up no
other. Nothing here knows Kafka's client or the disk; what it needs of them is in `ports`.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from msgspec import Struct

from bridge.aio.supervisor import supervise
from bridge.core.event import Record
from bridge.core.outcome import RejectedError, UnavailableError
from bridge.delivery.ports import Publisher, SendHandle, SpoolHandle, SpoolStore
from bridge.observability.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class DrainLimits(Struct, frozen=True, kw_only=True):
    """How much is read and in flight at once (bytes, records), and the pauses between passes in seconds.

    Passes that send nothing (what waits is not wanted yet) come ever more rarely.
    """

    max_read_bytes: int = 512 * 1024
    max_in_flight_bytes: int = 4 * 1024 * 1024
    max_in_flight_records: int = 2_000
    pause_s: float = 0.1
    max_pause_s: float = 2.0


class DrainingRecord:
    """One spooled record being sent. Only Kafka's acknowledgement removes it from the spool."""

    __slots__ = ("_drain", "_entry", "_record", "_send_handle", "size")

    def __init__(self, drain: "Drain", entry: SpoolHandle, record: Record) -> None:
        self._drain = drain
        self._entry = entry
        self._record = record
        self._send_handle: SendHandle | None = None
        self.size = len(record.value) + len(record.key)

    def start(self) -> bool:
        """Send it. False if Kafka does not accept it now."""
        self._send_handle = self._drain.publisher.try_send(self._record, self)
        return self._send_handle is not None

    def on_delivered(self) -> None:
        """Remove it from the spool."""
        # A death before the disk knows it repeats the record, under the same id; it is never lost.
        self._entry.remove()
        self._drain.on_delivered()
        self._finish()

    def on_failed(self, error: UnavailableError | RejectedError) -> None:
        """Make it available again, or dead-letter it if its topic rejects its size."""
        try:
            if isinstance(error, RejectedError):
                self._drain.dead_letter(self._entry, self._record, error)
            else:
                self._entry.make_available()
                self._drain.returned += 1
        finally:
            self._finish()

    def on_indeterminate(self) -> bool:
        """Make it available again: it is sent once more, under the same event id."""
        self._return()
        return True

    def on_stalled(self) -> bool:
        """Withdraw it, unless it has entered the producer. It is in the spool in any case."""
        if self._send_handle is not None and self._send_handle.withdraw():
            self._return()
        return True

    def _return(self) -> None:
        self._entry.make_available()
        self._drain.returned += 1
        self._finish()

    def _finish(self) -> None:
        self._send_handle = None
        self._drain.on_finished(self)


class Drain:
    """Drains ``spool`` into ``publisher`` for as long as it runs.

    ``to_dead_letter`` makes the dead letter of a record that its topic rejects for its size; None if the
    record is one itself. ``returned`` counts the records that came back unsent: they come before whatever is
    read next, so the pass starts anew.
    """

    def __init__(
        self,
        publisher: Publisher,
        spool: SpoolStore,
        to_dead_letter: Callable[[Record, RejectedError], Record | None],
        telemetry: Telemetry,
        limits: DrainLimits,
    ) -> None:
        self.publisher = publisher
        self.spool = spool
        self._to_dead_letter = to_dead_letter
        self._telemetry = telemetry
        self._limits = limits
        self._dead_letters: list[tuple[SpoolHandle, Record]] = []
        self._in_flight_bytes = 0
        self._in_flight_records = 0
        self._slot_freed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._drained = 0
        self.returned = 0
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Start the drain loop."""
        self._task = asyncio.create_task(supervise(self._run, self._telemetry))

    async def stop(self, seconds: float = 0) -> None:
        """Stop; before that, drain until the spool is empty, for ``seconds`` at most."""
        until = self._loop.time() + seconds
        while self.spool.records and self.publisher.accepting and self._loop.time() < until:
            await self._wait_for_slot(until - self._loop.time())
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def on_delivered(self) -> None:
        """Count a record that Kafka has acknowledged."""
        self._drained += 1
        self._telemetry.spool_drained.inc()

    def on_finished(self, record: DrainingRecord) -> None:
        """Free the slot of a record that is no longer in flight."""
        self._in_flight_bytes -= record.size
        self._in_flight_records -= 1
        self._slot_freed.set()

    def dead_letter(self, entry: SpoolHandle, record: Record, error: RejectedError) -> None:
        """Send a dead letter instead of ``record``, which its topic rejects; delivered, it frees it."""
        dead_letter = self._to_dead_letter(record, error)
        if dead_letter is None:
            entry.quarantine(error.detail)
            return

        # Sent again as it is, it would be refused again, and each refusal costs a producer.
        self._dead_letters.append((entry, dead_letter))
        self.spool.wake.set()

    async def _run(self) -> None:
        seen_epoch, idle_s = -1, self._limits.pause_s
        while True:
            news = self.spool.wake.is_set() or seen_epoch != self.publisher.availability_epoch
            if (news or self._dead_letters) and self.spool.records and self.publisher.accepting:
                self.spool.wake.clear()
                seen_epoch = self.publisher.availability_epoch
                sent = await self._drain_once()
                idle_s = self._limits.pause_s if sent else min(2 * idle_s, self._limits.max_pause_s)
                self._log_empty()
            await asyncio.sleep(idle_s)

    async def _drain_once(self) -> bool:
        """Send all records that Kafka accepts, from the oldest to the end. Returns whether any was sent.

        Once passed over, a record is not overtaken by a later one of its key: where Kafka takes more than
        before, or where a record came back, the pass begins anew.
        """
        self.spool.rewind()
        epoch, sent = self._epoch(), self._send_dead_letters()
        while self.publisher.accepting:
            found = await self.spool.read(self._limits.max_read_bytes, self._is_blocked)
            if self._epoch() != epoch:
                epoch = self._epoch()
                self._return_all(found)
            elif not found:
                break
            elif self._send(found):
                sent = True
            else:
                await self._wait_for_slot(self._limits.pause_s)
            await self._wait_below_limits()
        return sent

    def _epoch(self) -> tuple[int, int]:
        return self.publisher.availability_epoch, self.returned

    def _send_dead_letters(self) -> bool:
        dead_letters, self._dead_letters = self._dead_letters, []
        for entry, dead_letter in dead_letters:
            if not self._start_one(entry, dead_letter):
                self._dead_letters.append((entry, dead_letter))
        return len(self._dead_letters) < len(dead_letters)

    def _return_all(self, found: Sequence[tuple[SpoolHandle, Record]]) -> None:
        for entry, _ in found:
            entry.make_available()
        self.spool.rewind()

    def _is_blocked(self, topic: str, key_hash: int) -> bool:
        return not self.publisher.accepts(topic, key_hash)

    def _send(self, found: Sequence[tuple[SpoolHandle, Record]]) -> bool:
        """Send them in order. False if one was not accepted: it and all behind it are made available."""
        for at, (entry, record) in enumerate(found):
            if not self._start_one(entry, record):
                self._return_all(found[at:])
                return False
        return True

    def _start_one(self, entry: SpoolHandle, record: Record) -> bool:
        one = DrainingRecord(self, entry, record)
        if not one.start():
            return False
        self._in_flight_bytes += one.size
        self._in_flight_records += 1
        return True

    async def _wait_below_limits(self) -> None:
        limits = self._limits
        while (
            self._in_flight_bytes >= limits.max_in_flight_bytes
            or self._in_flight_records >= limits.max_in_flight_records
        ):
            await self._wait_for_slot(limits.pause_s)

    async def _wait_for_slot(self, seconds: float) -> None:
        self._slot_freed.clear()
        waiter = asyncio.create_task(self._slot_freed.wait())
        await asyncio.wait((waiter,), timeout=seconds)
        waiter.cancel()

    def _log_empty(self) -> None:
        if not self.spool.records and self._drained:
            log.info("spool_drained", drained=self._drained)
            self._drained = 0
