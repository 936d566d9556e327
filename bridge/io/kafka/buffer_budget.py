"""How much may be on its way to Kafka at once: bytes and records. Arithmetic."""

from msgspec import Struct


class BufferLimits(Struct, frozen=True, kw_only=True):
    """How much may be on its way to Kafka at once."""

    max_bytes: int
    max_records: int


class BufferBudget(Struct):
    """The bytes and records that are still free."""

    free_bytes: int
    free_records: int

    def try_acquire(self, size: int) -> bool:
        """Reserve a record of ``size`` bytes; False if the budget is used up."""
        if size > self.free_bytes or not self.free_records:
            return False
        self.free_bytes -= size
        self.free_records -= 1
        return True

    def release(self, size: int) -> None:
        """Give a reservation back."""
        self.free_bytes += size
        self.free_records += 1
