"""Which records must not go to the spool now, because an earlier one of their key is not there.

Empty unless something fails: the common way asks nothing of it.
"""

import asyncio
from bisect import insort
from operator import attrgetter
from typing import Protocol

from bridge.core.event import Record


class Numbered(Protocol):
    """A pending write. ``number`` is 0 until it has left the common way; then of each key in their order."""

    number: int


_number = attrgetter("number")


class KeyOrder:
    """The records that the spool did not take when it should, by topic and key.

    *Unkept* are those that are in the producer alone. What comes later of their key must not go to the spool:
    it would be drained before them, should their batch fail. And where a record fails, a later and smaller
    one of its key that would not must fail with it, to be retried after it.
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
            # One whose place in the spool was lost comes before those that found none meanwhile.
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
        """Note that ``record`` has failed; whoever sent it knows of it by the next turn."""
        if not self._failed:
            asyncio.get_running_loop().call_soon(self._failed.clear)
        self._failed.add((record.topic, record.key))
