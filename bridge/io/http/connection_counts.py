"""How many connections each worker process has open: a table in memory that all of them share.

The workers accept from one listening socket; the kernel wakes whichever it likes, so that one of four may get
half of the connections. By this table, those that have more than others leave the next one to them.
"""

import mmap
import os
import sys
import tempfile
import time
from typing import Self

ABSENT = 0xFFFFFFFF  # nobody accepts under this number
_SLOT_BYTES = 4
_MASK = 0xFFFFFFFF
_STALE_MS = 1_000


class ConnectionCounts:
    """The table: for each slot a count, and when its worker was last alive. The supervisor clears it."""

    def __init__(self, fd: int, slots: int) -> None:
        self.fd = fd
        self.slots = slots
        self._map = mmap.mmap(fd, 2 * slots * _SLOT_BYTES)
        self._cells = memoryview(self._map).cast("I")  # the counts, then the times

    @classmethod
    def create(cls, slots: int) -> Self:
        """Make a table in which every slot is absent. Its descriptor is to be handed to the workers."""
        if sys.platform == "linux":
            fd = os.memfd_create("connection-counts")
        else:
            with tempfile.TemporaryFile() as file:
                fd = os.dup(file.fileno())
        os.ftruncate(fd, 2 * slots * _SLOT_BYTES)
        table = cls(fd, slots)
        for slot in range(slots):
            table.clear(slot)
        return table

    def clear(self, slot: int) -> None:
        """Note that nobody accepts under ``slot``."""
        self._cells[slot] = ABSENT

    def set(self, slot: int, connections: int) -> None:
        """Note how many connections the worker of ``slot`` has."""
        self._cells[slot] = connections

    def set_alive(self, slot: int) -> None:
        """Note that the worker of ``slot`` runs; one that does not for a second is taken to hang."""
        self._cells[self.slots + slot] = _now_ms()

    def fewest_of_others(self, slot: int) -> int:
        """Return the smallest count of the other slots whose workers run; `ABSENT` if there is none."""
        cells, now_ms = self._cells, _now_ms()
        return min(
            (
                cells[other]
                for other in range(self.slots)
                if other != slot and (now_ms - cells[self.slots + other]) & _MASK < _STALE_MS
            ),
            default=ABSENT,
        )

    def close(self) -> None:
        """Unmap it and close its descriptor."""
        self._cells.release()
        self._map.close()
        os.close(self.fd)


def _now_ms() -> int:
    """Return the clock that all processes of a machine share, in 32 bits."""
    return time.monotonic_ns() // 1_000_000 & _MASK
