"""How much more may be written, and why nothing is: the cap, the floor, a disk that refuses. Arithmetic."""

import structlog
from msgspec import Struct

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_MIB = 1024 * 1024
_SEGMENT_MIN = 128 * 1024
_SEGMENT_MAX = 1024 * _MIB  # offsets in it have 32 bits
_ROOM_AGAIN = 64 * 1024  # with less than that it counts as full: no flapping at the brim
_LOCK_BYTES = 16


class Limits(Struct, frozen=True, kw_only=True):
    """What the spool may use.

    ``max_bytes`` is the hard cap of bytes on disk of everything in the folder that is ours (0: no spool at
    all), ``free_min_bytes`` what stays free on the volume, ``retry_s`` how often a failing disk is tried,
    ``stalled_s`` after how long a disk that does not answer counts as failing.
    """

    max_bytes: int = 1024 * _MIB
    free_min_bytes: int = 64 * _MIB
    segment_bytes: int = 16 * _MIB
    retry_s: float = 1.0
    stalled_s: float = 2.0

    @property
    def segment(self) -> int:
        """How long a log grows: under a small cap less, so that what is acknowledged makes room soon."""
        return min(self.segment_bytes, max(self.max_bytes // 8, _SEGMENT_MIN), _SEGMENT_MAX)


class Room:
    """The exact account of bytes on disk, and of what keeps records out. ``broken`` is the disk's word."""

    def __init__(self, limits: Limits) -> None:
        self._cap = limits.max_bytes - _LOCK_BYTES
        self._floor = limits.free_min_bytes
        self._above_floor = 0
        self._full = False
        self._low = ""
        self._told = ""
        self.broken = "it was not started" if limits.max_bytes else "there is no spool"
        self.used = 0

    @property
    def trouble(self) -> str:
        """Why no record is taken now, for people; empty where they are."""
        return self.broken or self._low or (self._is_full() if self._full else "")

    @property
    def left(self) -> int:
        """How many bytes the cap leaves."""
        return max(self._cap - self.used, 0)

    def refuses(self, size: int) -> str:
        """Why ``size`` bytes cannot be written now; empty where they can."""
        if self.trouble:
            return self.trouble
        if size > self._cap - self.used:
            self._full = self.left < _ROOM_AGAIN
            return self._is_full()
        return self._low_text() if size > self._above_floor else ""

    def take(self, size: int) -> None:
        """Count bytes that are on disk or will be."""
        self.used += size
        self._above_floor -= size

    def give(self, size: int) -> None:
        """Count bytes that are no longer there."""
        self.used -= size
        self._full = self._full and self.left < _ROOM_AGAIN

    def look(self, free: int, buffered: int) -> None:
        """Learn how many bytes the volume has, of which ``buffered`` are spoken for."""
        self._above_floor = free - buffered - self._floor
        self._low = self._low_text() if self._above_floor < _ROOM_AGAIN else ""

    def close(self) -> None:
        """Take nothing more, which is no trouble to tell of."""
        self.broken = self._told = "it was stopped"

    def tell(self) -> None:
        """Log a change of state, once."""
        trouble = self.trouble
        if bool(trouble) != bool(self._told):
            if trouble:
                log.error("spool_takes_nothing", why=trouble, todo=self._todo())
            else:
                log.warning("spool_takes_records", was=self._told)
        self._told = trouble

    def _todo(self) -> str:
        if self.broken:
            return "see that BRIDGE_SPOOL__PATH is a folder which this user may write, on a disk that works"
        if self._low:
            return "make room on its volume, or lower BRIDGE_SPOOL__FREE_MIN_BYTES"
        return "it empties once Kafka takes records; BRIDGE_SPOOL__MAX_BYTES is how large it may grow"

    def _is_full(self) -> str:
        return f"full: {self.used} bytes are used"

    def _low_text(self) -> str:
        free = max(self._above_floor + self._floor, 0)
        return f"disk floor: {free} bytes are free, {self._floor} must stay"
