"""How much more may be written, and why nothing is: the cap, the floor, a failing disk. Arithmetic."""

import structlog
from msgspec import Struct

from bridge.io.spool.frames import ACK_BYTES

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_MIB = 1024 * 1024
_MIN_SEGMENT_BYTES = 128 * 1024
_MAX_SEGMENT_BYTES = 1024 * _MIB  # offsets in it have 32 bits
_HYSTERESIS_BYTES = 64 * 1024  # with less than that it counts as full: no flapping at the brim
_LOCK_FILE_BYTES = 16

RECORD_OVERHEAD_BYTES = 3 * ACK_BYTES
"""What a frame takes on disk beside itself, where it begins a segment."""


class SpoolLimits(Struct, frozen=True, kw_only=True):
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
    def effective_segment_bytes(self) -> int:
        """The largest size of a log: smaller under a small cap, so that acknowledgements free space soon."""
        return min(self.segment_bytes, max(self.max_bytes // 8, _MIN_SEGMENT_BYTES), _MAX_SEGMENT_BYTES)


class DiskQuota:
    """Counts the bytes on disk exactly, and knows why records are refused; ``disk_error`` is the disk's."""

    def __init__(self, limits: SpoolLimits) -> None:
        self._cap = limits.max_bytes - _LOCK_FILE_BYTES
        self._floor = limits.free_min_bytes
        self._above_floor = 0
        self._at_cap = False
        self._below_floor = ""
        self._logged = ""
        self.disk_error = "it was not started" if limits.max_bytes else "there is no spool"
        self.used = 0

    @property
    def unavailable_reason(self) -> str:
        """Why no record is accepted now, as text for people; empty if they are."""
        return self.disk_error or self._below_floor or (self._full_reason() if self._at_cap else "")

    @property
    def remaining(self) -> int:
        """How many bytes the cap leaves."""
        return max(self._cap - self.used, 0)

    def reason_to_refuse(self, size: int) -> str:
        """Why ``size`` bytes cannot be written now; empty if they can."""
        if self.unavailable_reason:
            return self.unavailable_reason
        if size > self._cap - self.used:
            self._at_cap = self.remaining < _HYSTERESIS_BYTES
            return self._full_reason()
        return self._floor_reason() if size > self._above_floor else ""

    def reserve_record(self, frame_bytes: int) -> str:
        """Count a frame and its acknowledgement, and return an empty text; or why it cannot be written now.

        It is refused as `reason_to_refuse` says, where it would begin a segment.
        """
        needed = frame_bytes + RECORD_OVERHEAD_BYTES
        if (
            needed > self._above_floor
            or needed > self._cap - self.used
            or self.disk_error
            or self._below_floor
            or self._at_cap
        ):
            reason = self.reason_to_refuse(needed)
            if reason:
                return reason
        size = frame_bytes + ACK_BYTES
        self.used += size
        self._above_floor -= size
        return ""

    def reserve(self, size: int) -> None:
        """Count bytes that are on disk or will be."""
        self.used += size
        self._above_floor -= size

    def unreserve(self, size: int) -> None:
        """Count bytes that are no longer there."""
        self.used -= size
        self._at_cap = self._at_cap and self.remaining < _HYSTERESIS_BYTES

    def set_limit(self, max_bytes: int) -> None:
        """Change the cap of bytes on disk."""
        if max_bytes - _LOCK_FILE_BYTES != self._cap:
            self._cap = max_bytes - _LOCK_FILE_BYTES
            self._at_cap = self.remaining < _HYSTERESIS_BYTES

    def update_free(self, free_bytes: int, buffered_bytes: int) -> None:
        """Set the free bytes of the volume, of which ``buffered_bytes`` are reserved by buffered records."""
        self._above_floor = free_bytes - buffered_bytes - self._floor
        self._below_floor = self._floor_reason() if self._above_floor < _HYSTERESIS_BYTES else ""

    def close(self) -> None:
        """Accept nothing more, without logging it as a failure."""
        self.disk_error = self._logged = "it was stopped"

    def log_change(self) -> None:
        """Log a change of state, once."""
        trouble = self.unavailable_reason
        if bool(trouble) != bool(self._logged):
            if trouble:
                log.error("spool_unavailable", reason=trouble, remedy=self._remedy())
            else:
                log.warning("spool_available", previous=self._logged)
        self._logged = trouble

    def _remedy(self) -> str:
        if self.disk_error:
            return (
                "let this user, and no other process, read and write the folder that BRIDGE_SPOOL__PATH"
                " names, or name another; it is tried again by itself"
            )
        if self._at_cap:
            return "see why Kafka takes no records; BRIDGE_SPOOL__MAX_BYTES is how much may wait"
        return "free space on the volume; BRIDGE_SPOOL__FREE_MIN_BYTES is how much must stay free"

    def _full_reason(self) -> str:
        if self._cap < 0:  # of several workers one has no share before what is elsewhere is drained
            return "full: other folders take all that BRIDGE_SPOOL__MAX_BYTES allows"
        return f"full: {self.used} bytes are used"

    def _floor_reason(self) -> str:
        free = max(self._above_floor + self._floor, 0)
        return f"disk floor: {free} bytes are free, {self._floor} must stay"
