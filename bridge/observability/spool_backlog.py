"""What waits in the spools of one process, as metrics, probes and the console report it."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class SpoolReport(Protocol):
    """What is reported of a spool."""

    @property
    def records(self) -> int:
        """How many records wait."""

    @property
    def bytes(self) -> int:
        """How many bytes it takes on disk."""

    @property
    def oldest_ms(self) -> int:
        """When the oldest record was appended, in unix milliseconds; 0 if there is none."""

    @property
    def unavailable_reason(self) -> str:
        """Why no record is accepted now; empty if they are."""


class SpoolBacklog(Struct, frozen=True):
    """Sums over spools. ``oldest_age_ms`` is 0 where nothing waits."""

    records: int
    bytes: int
    oldest_age_ms: int


def backlog_of(spools: Sequence[SpoolReport], now_ms: int) -> SpoolBacklog:
    """Add up what waits in all of them."""
    oldest_ms = min((spool.oldest_ms for spool in spools if spool.oldest_ms), default=now_ms)
    return SpoolBacklog(
        records=sum(spool.records for spool in spools),
        bytes=sum(spool.bytes for spool in spools),
        oldest_age_ms=max(0, now_ms - oldest_ms),
    )
