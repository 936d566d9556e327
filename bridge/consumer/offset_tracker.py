"""Progress of one partition: the offset to commit is that of the first record that is not done.

No I/O here.
"""

from collections import deque

from aiokafka import TopicPartition


class OffsetTracker:
    """One partition, for as long as it is assigned to us.

    ``position`` is the offset to commit, None before the first record; ``committed`` the last committed one.
    ``revoked``: the partition moves to another member, so no further record of it may be started.
    ``highest_started`` is the highest offset that was given to a handler.
    """

    __slots__ = (
        "_done",
        "_next_offset",
        "_pending",
        "committed",
        "highest_started",
        "position",
        "revoked",
        "topic_partition",
    )

    def __init__(self, topic_partition: TopicPartition) -> None:
        self.topic_partition = topic_partition
        self.position: int | None = None
        self.committed: int | None = None
        self.revoked = False
        self.highest_started = -1
        self._pending: deque[int] = deque()
        self._done: set[int] = set()
        self._next_offset = 0

    def start(self, offset: int) -> None:
        """Add a record as pending; call it in the order of offsets."""
        if self.position is None:
            self.position = offset
        self._pending.append(offset)
        self._next_offset = offset + 1

    def mark_done(self, offset: int) -> None:
        """Mark a started record as done, in any order, and move ``position``."""
        self._done.add(offset)
        while self._pending and self._pending[0] in self._done:
            self._done.remove(self._pending.popleft())
        self.position = self._pending[0] if self._pending else self._next_offset
