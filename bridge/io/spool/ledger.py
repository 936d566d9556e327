"""What is in the spool, in memory: which keys, how many, which are next. It never waits."""

from collections.abc import Callable

from bridge.io.spool.frames import Mark
from bridge.io.spool.segment import GONE, READY, TAKEN, Segment

Skip = Callable[[str, int], bool]

_LOOKS = 2_048  # so many calls of a skip take a few milliseconds


class Pick:
    """What one read takes: at most ``most_bytes`` but at least one record, none that ``skip`` passes over."""

    def __init__(self, most_bytes: int, skip: Skip) -> None:
        self.skip = skip
        self.places: list[tuple[Segment, int]] = []
        self._room = most_bytes

    def fits(self, length: int) -> bool:
        """Whether a frame of ``length`` is taken as well."""
        return not self.places or length <= self._room

    def take(self, segment: Segment, index: int) -> None:
        """Take a record: nobody else reads it until it is freed."""
        segment.states[index] = TAKEN
        self.places.append((segment, index))
        self._room -= segment.lengths[index]

    def give_back(self) -> None:
        """Take nothing, after all."""
        for segment, index in self.places:
            if segment.states[index] == TAKEN:
                segment.states[index] = READY
        self.places = []


class Ledger:
    """Every segment by number, ascending, and what is told of all of them together."""

    def __init__(self) -> None:
        self.segments: dict[int, Segment] = {}
        self.records = 0
        self.held: dict[int, int] = {}
        self._topics: dict[str, int] = {}
        self._names: list[str] = []
        self._number = self._index = 0  # the next record that is read

    @property
    def oldest_ms(self) -> int:
        """When the oldest record was put, 0 where there is none."""
        return next((segment.oldest_ms for segment in self.segments.values() if segment.left), 0)

    def holds(self, topic: str, key_hash: int) -> bool:
        """Whether anything of this topic and key is here."""
        number = self._topics.get(topic)
        return number is not None and (number << 32 | key_hash) in self.held

    def add(self, segment: Segment, mark: Mark, state: int) -> int:
        """Note a record at the end of ``segment``; tells its place."""
        topic = self._topics.get(mark.topic)
        if topic is None:
            topic = self._topics[mark.topic] = len(self._names)
            self._names.append(mark.topic)
        if state != GONE:
            self.records += 1
            key = topic << 32 | mark.key_hash
            self.held[key] = self.held.get(key, 0) + 1
        return segment.add(mark, topic, state)

    def forget(self, segment: Segment, index: int) -> None:
        """Let a record be gone."""
        segment.states[index] = GONE
        segment.left -= 1
        self.records -= 1
        key = segment.topics[index] << 32 | segment.hashes[index]
        count = self.held[key] - 1
        if count:
            self.held[key] = count
        else:
            del self.held[key]

    def free(self, segment: Segment, index: int) -> None:
        """Let a record be read."""
        segment.states[index] = READY

    def rewind(self) -> None:
        """Begin again with the oldest."""
        self._number = self._index = 0

    def pick(self, pick: Pick) -> bool:
        """Take what is next; True where there is more to look at than one turn of the loop should."""
        for _ in range(_LOOKS):
            segment = self._current()
            if segment is None:
                return False
            at = segment.states.find(READY, self._index, segment.durable)
            if at < 0:
                # What is not durable yet is not overtaken by what stands in the next segment.
                self._index = segment.durable
                if segment.durable < len(segment.offsets) or segment.number == next(reversed(self.segments)):
                    return False
                self._number, self._index = segment.number + 1, 0
            elif pick.skip(self._names[segment.topics[at]], segment.hashes[at]):
                self._index = at + 1
            elif pick.fits(segment.lengths[at]):
                pick.take(segment, at)
                self._index = at + 1
            else:
                return False
        return True

    def _current(self) -> Segment | None:
        segment = self.segments.get(self._number)
        if segment is None:  # deleted since, or between two numbers: the next one there is
            segment = next((s for n, s in self.segments.items() if n > self._number), None)
            if segment is not None:
                self._number, self._index = segment.number, 0
        return segment
