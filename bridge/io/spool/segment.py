"""One segment as memory knows it: a few numbers a record, in arrays. Its files are the folder's business."""

from array import array

from bridge.io.spool.frames import ACK_BYTES, FrameRef

READY, PENDING, LEASED, ACKED = range(4)
"""What a record is: to be read, a producer's to deliver yet, read, or no longer here."""


class Segment:
    """The records of one log, in order, and what its two files need on disk.

    ``durable`` counts the records that are, ``left`` those not gone; ``size`` is the log's end with what is
    only buffered; ``reserved`` is what both files take once everything is acknowledged. While it is pinned
    its log holds bytes that stand nowhere else, and is not deleted.
    """

    __slots__ = (
        "_first_live",
        "acks",
        "durable",
        "key_hashes",
        "lengths",
        "live",
        "name",
        "number",
        "offsets",
        "pins",
        "put_ms",
        "reserved",
        "salt",
        "size",
        "states",
        "topics",
    )  # fmt: skip

    def __init__(self, number: int, salt: bytes) -> None:
        self.number = number
        self.salt = salt
        self.name = f"{number:016d}-{salt.hex()}"
        self.offsets, self.lengths = array("I"), array("I")
        self.key_hashes, self.topics = array("I"), array("I")
        self.put_ms = array("Q")
        self.states = bytearray()
        self.durable = self.live = self.size = self.pins = self._first_live = 0
        self.reserved = 2 * ACK_BYTES  # its seal, and the word that it is done
        self.acks: list[int] = []  # offsets of which the disk does not know yet that they are gone

    @property
    def is_obsolete(self) -> bool:
        """Whether nothing of it is wanted any more, nor under way to it."""
        return not self.live and not self.pins and self.durable == len(self.offsets)

    @property
    def oldest_ms(self) -> int:
        """When the oldest record that is left was put, 0 where none is."""
        if not self.live:
            return 0
        while self.states[self._first_live] == ACKED:
            self._first_live += 1
        return self.put_ms[self._first_live]

    def add(self, frame: FrameRef, topic: int, state: int) -> int:
        """Note one more record; tells its place."""
        offset, length, key_hash, put_ms, _ = frame
        self.offsets.append(offset)
        self.lengths.append(length)
        self.key_hashes.append(key_hash)
        self.topics.append(topic)
        self.put_ms.append(put_ms)
        self.states.append(state)
        if state != ACKED:
            self.live += 1
        self.size = offset + length
        return len(self.states) - 1

    def truncate(self, first: int) -> None:
        """Drop the records from ``first`` on: they were not written. They must be gone already."""
        if first < len(self.offsets):
            self.size = self.offsets[first]
        for column in (self.offsets, self.lengths, self.key_hashes, self.topics, self.put_ms, self.states):
            del column[first:]
        self._first_live = min(self._first_live, first)
