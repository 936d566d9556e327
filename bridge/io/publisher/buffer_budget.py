"""How much may be on its way to Kafka at once: bytes and records. Arithmetic."""

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """How much may be on its way at once."""

    most_bytes: int
    most_records: int


class Room(Struct):
    """The ``bytes`` and ``records`` for which there is room yet."""

    bytes: int
    records: int

    def take(self, size: int) -> bool:
        """Take room for a record of ``size`` bytes; False where there is none."""
        if size > self.bytes or not self.records:
            return False
        self.bytes -= size
        self.records -= 1
        return True

    def give_back(self, size: int) -> None:
        """Give it back."""
        self.bytes += size
        self.records += 1
