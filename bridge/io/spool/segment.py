"""One segment in memory: a few numbers per record, in arrays. Its files are in `directory`."""

from array import array

from bridge.io.spool.frames import ACK_BYTES, FrameTuple

READY, PENDING, LEASED, ACKED = range(4)
"""States of a record: may be read; may be in Kafka, not to be read yet; read by the drain; removed."""


class Segment:
    """The records of one log, in order, and what its two files need on disk.

    ``durable`` counts the records on disk, ``live`` those not removed; ``size`` is the log's length in bytes
    with what is only buffered; ``reserved`` the bytes of both files once everything is acknowledged. While
    ``pins`` is not 0 the log holds bytes that are nowhere else, and is not deleted.
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
        self.reserved = 2 * ACK_BYTES  # its seal, and the entry that marks it as done
        self.acks: list[int] = []  # offsets of removed records whose acknowledgement is not written yet

    @property
    def is_obsolete(self) -> bool:
        """Whether no record of it is needed any more, and none is on its way to it."""
        return not self.live and not self.pins and self.durable == len(self.offsets)

    @property
    def oldest_ms(self) -> int:
        """When its oldest live record was appended, in unix milliseconds; 0 if there is none."""
        if not self.live:
            return 0
        while self.states[self._first_live] == ACKED:
            self._first_live += 1
        return self.put_ms[self._first_live]

    def add(self, frame: FrameTuple, topic: int, state: int) -> int:
        """Add a record at the end. Returns its index."""
        offset, length, key_hash, put_ms, _ = frame
        index = len(self.states)
        self.offsets.append(offset)
        self.lengths.append(length)
        self.key_hashes.append(key_hash)
        self.topics.append(topic)
        self.put_ms.append(put_ms)
        self.states.append(state)
        if state != ACKED:
            self.live += 1
        self.size = offset + length
        return index

    def truncate(self, first: int) -> None:
        """Drop the records from ``first`` on: they were not written. They must be gone already."""
        if first < len(self.offsets):
            self.size = self.offsets[first]
        for column in (self.offsets, self.lengths, self.key_hashes, self.topics, self.put_ms, self.states):
            del column[first:]
        self._first_live = min(self._first_live, first)
