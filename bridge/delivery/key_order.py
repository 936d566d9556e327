"""Which records must not go to the spool now, because an earlier one of their key is not there.

Empty unless something fails: the common path does not use it.
"""

import asyncio
from bisect import insort
from operator import attrgetter
from typing import Protocol

from bridge.core.event import Record


class Numbered(Protocol):
    """A pending write. ``number`` is 0 until it leaves the common path; then ascending in the key's order."""

    number: int


_number = attrgetter("number")


class KeyOrder:
    """The records that the spool did not accept when it should have, by topic and key.

    *Unspooled* records are in the producer alone. Later records of their key must not go to the spool: they
    would be drained first if that batch failed. And if a record fails, a later one of its key that would fit
    must fail with it, to be retried after it.
    """

    def __init__(self) -> None:
        self._unspooled: dict[tuple[str, bytes], list[Numbered]] = {}
        self._failed: set[tuple[str, bytes]] = set()
        self._last_number = 0

    def assign_number(self, write: Numbered) -> None:
        """Give ``write`` the next number, unless it has one."""
        if not write.number:
            self._last_number += 1
            write.number = self._last_number

    def is_behind_unspooled(self, write: Numbered, record: Record) -> bool:
        """Whether an earlier record of the key is in the producer alone."""
        if not self._unspooled:
            return False
        unspooled = self._unspooled.get((record.topic, record.key))
        return unspooled is not None and unspooled[0] is not write

    def note_unspooled(self, write: Numbered, record: Record, *, unspooled: bool) -> None:
        """Note that ``record`` is in the producer alone, or no longer so."""
        key = (record.topic, record.key)
        if unspooled:
            # One that failed to be spooled comes before those that were refused meanwhile.
            self.assign_number(write)
            insort(self._unspooled.setdefault(key, []), write, key=_number)
            return
        self._unspooled[key].remove(write)
        if not self._unspooled[key]:
            del self._unspooled[key]

    def has_failed(self, record: Record) -> bool:
        """Whether an earlier record of the key has failed in this turn of the event loop."""
        return bool(self._failed) and (record.topic, record.key) in self._failed

    def note_failure(self, record: Record) -> None:
        """Note that ``record`` has failed; its sender knows by the next turn of the event loop."""
        if not self._failed:
            asyncio.get_running_loop().call_soon(self._failed.clear)
        self._failed.add((record.topic, record.key))
