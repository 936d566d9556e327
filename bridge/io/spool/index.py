"""The in-memory index of the spool: which keys, how many records, which are next. It does no I/O."""

from collections.abc import Callable

from bridge.io.spool.frames import FrameTuple
from bridge.io.spool.segment import ACKED, LEASED, READY, Segment

Skip = Callable[[str, int], bool]

_SCAN_LIMIT = 2_048  # so many calls of a skip take a few milliseconds


class ReadSelection:
    """The records of one read: at most ``max_bytes`` but at least one record, none that ``skip`` rejects."""

    def __init__(self, max_bytes: int, skip: Skip) -> None:
        self.skip = skip
        self.positions: list[tuple[Segment, int]] = []
        self._remaining_bytes = max_bytes

    def fits(self, length: int) -> bool:
        """Whether a frame of ``length`` bytes still fits."""
        return not self.positions or length <= self._remaining_bytes

    def lease(self, segment: Segment, index: int) -> None:
        """Lease a record: it is not read again until it is made available."""
        segment.states[index] = LEASED
        self.positions.append((segment, index))
        self._remaining_bytes -= segment.lengths[index]

    def release(self) -> None:
        """Give all leases back."""
        for segment, index in self.positions:
            if segment.states[index] == LEASED:
                segment.states[index] = READY
        self.positions = []


class SpoolIndex:
    """All segments by number, ascending, with the totals over them."""

    def __init__(self) -> None:
        self.segments: dict[int, Segment] = {}
        self.records = 0
        self.pending_by_key: dict[int, int] = {}
        self._topic_ids: dict[str, int] = {}
        self._topic_names: list[str] = []
        self._cursor_segment = self._cursor_record = 0  # the next record that is read

    @property
    def oldest_ms(self) -> int:
        """When the oldest record was appended, in unix milliseconds; 0 if there is none."""
        return next((segment.oldest_ms for segment in self.segments.values() if segment.live), 0)

    def has_pending(self, topic: str, key_hash: int) -> bool:
        """Whether there are records of this topic and key."""
        number = self._topic_ids.get(topic)
        return number is not None and (number << 32 | key_hash) in self.pending_by_key

    def add(self, segment: Segment, frame: FrameTuple, state: int) -> int:
        """Add a record at the end of ``segment``. Returns its index there."""
        _, _, key_hash, _, name = frame
        topic = self._topic_ids.get(name)
        if topic is None:
            topic = self._topic_ids[name] = len(self._topic_names)
            self._topic_names.append(name)
        if state != ACKED:
            self.records += 1
            key, pending = topic << 32 | key_hash, self.pending_by_key
            pending[key] = pending.get(key, 0) + 1
        return segment.add(frame, topic, state)

    def remove(self, segment: Segment, index: int) -> None:
        """Mark a record as removed."""
        segment.states[index] = ACKED
        segment.live -= 1
        self.records -= 1
        key = segment.topics[index] << 32 | segment.key_hashes[index]
        count = self.pending_by_key[key] - 1
        if count:
            self.pending_by_key[key] = count
        else:
            del self.pending_by_key[key]

    def make_available(self, segment: Segment, index: int) -> None:
        """Let a record be read (again)."""
        segment.states[index] = READY

    def rewind(self) -> None:
        """Move the read position to the oldest record."""
        self._cursor_segment = self._cursor_record = 0

    def select(self, selection: ReadSelection) -> bool:
        """Lease the next records. True if the scan must continue in another turn of the event loop."""
        for _ in range(_SCAN_LIMIT):
            segment = self._current_segment()
            if segment is None:
                return False
            at = segment.states.find(READY, self._cursor_record, segment.durable)
            if at < 0:
                # What is not durable yet is not overtaken by what stands in the next segment.
                self._cursor_record = segment.durable
                if segment.durable < len(segment.offsets) or segment.number == next(reversed(self.segments)):
                    return False
                self._cursor_segment, self._cursor_record = segment.number + 1, 0
            elif selection.skip(self._topic_names[segment.topics[at]], segment.key_hashes[at]):
                self._cursor_record = at + 1
            elif selection.fits(segment.lengths[at]):
                selection.lease(segment, at)
                self._cursor_record = at + 1
            else:
                return False
        return True

    def _current_segment(self) -> Segment | None:
        segment = self.segments.get(self._cursor_segment)
        if segment is None:  # deleted since, or between two numbers: the next one there is
            segment = next((s for n, s in self.segments.items() if n > self._cursor_segment), None)
            if segment is not None:
                self._cursor_segment, self._cursor_record = segment.number, 0
        return segment
