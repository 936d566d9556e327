"""How far a partition is done: what may be committed is the position before the first event that is not.

No connection lives here.
"""

from collections import deque

from aiokafka import TopicPartition


class OffsetTracker:
    """One partition, for as long as it is ours.

    ``position`` is the offset to commit, None while nothing was taken; ``committed`` the last one that was.
    ``closing``: it moves to another member, so that nothing more of it may be begun. ``begun`` is the highest
    offset that was given to a handler.
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
        """Note a record that was handed out; in the order of offsets."""
        if self.position is None:
            self.position = offset
        self._pending.append(offset)
        self._next_offset = offset + 1

    def mark_done(self, offset: int) -> None:
        """Note that all is done for one that was taken; in any order."""
        self._done.add(offset)
        while self._pending and self._pending[0] in self._done:
            self._done.remove(self._pending.popleft())
        self.position = self._pending[0] if self._pending else self._next_offset
