"""How much may be on its way to Kafka at once: bytes and records. Arithmetic."""

from msgspec import Struct

from bridge.core.event import Record

_RECORD_OVERHEAD_BYTES = 256  # what a waiting record costs beside its value and key


class BufferLimits(Struct, frozen=True, kw_only=True):
    """How much may be on its way to Kafka at once."""

    max_bytes: int
    max_records: int


class BufferBudget(Struct):
    """The bytes and records that are still free. A record gives its share back (`PendingRecord.release`)."""

    free_bytes: int
    free_records: int

    def try_acquire(self, record: Record) -> int:
        """Reserve what ``record`` takes. Returns its bytes; 0 if the budget is used up."""
        size = len(record.value) + 2 * len(record.key) + _RECORD_OVERHEAD_BYTES
        if size > self.free_bytes or not self.free_records:
            return 0
        self.free_bytes -= size
        self.free_records -= 1
        return size
