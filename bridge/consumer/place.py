"""How far a partition is done: what may be committed is the position before the first event that is not.

No connection lives here.
"""

from collections import deque

from aiokafka import TopicPartition


class Place:
    """One partition, for as long as it is ours.

    ``position`` is the offset to commit, None while nothing was taken; ``committed`` the last one that was.
    ``closing``: it moves to another member, so that nothing more of it may be begun. ``begun`` is the highest
    offset that was given to a handler.
    """

    __slots__ = ("_done", "_end", "_open", "begun", "closing", "committed", "position", "where")

    def __init__(self, where: TopicPartition) -> None:
        self.where = where
        self.position: int | None = None
        self.committed: int | None = None
        self.closing = False
        self.begun = -1
        self._open: deque[int] = deque()
        self._done: set[int] = set()
        self._end = 0

    def take(self, offset: int) -> None:
        """Note a record that was handed out; in the order of offsets."""
        if self.position is None:
            self.position = offset
        self._open.append(offset)
        self._end = offset + 1

    def finish(self, offset: int) -> None:
        """Note that all is done for one that was taken; in any order."""
        self._done.add(offset)
        while self._open and self._open[0] in self._done:
            self._done.remove(self._open.popleft())
        self.position = self._open[0] if self._open else self._end
