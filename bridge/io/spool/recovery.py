"""Recovery at the start: every segment is read, every checksum verified, damage reported and quarantined.

The content of a file never makes it fail: it continues with what is left.
"""

from collections.abc import Callable
from contextlib import suppress
from mmap import mmap
from typing import NamedTuple

from bridge.core.plural import counted
from bridge.io.spool.directory import ACK, LOG, SpoolDirectory
from bridge.io.spool.frames import (
    ACK_BYTES,
    AckLog,
    CorruptRange,
    FrameRef,
    UnsupportedFrame,
    decode_acks,
    encode_seal,
    scan,
)
from bridge.io.spool.index import SpoolIndex
from bridge.io.spool.segment import ACKED, READY, Segment


class Corruption(NamedTuple):
    """One corruption: its kind (a metric label), the file, offset and length in bytes, details.

    ``records`` is how many records it stands for.
    """

    kind: str
    file: str
    offset: int = 0
    length: int = 0
    detail: str = ""
    records: int = 1


OnCorruption = Callable[[Corruption], None]


class Recovery:
    """Reads a folder once: the records in it, the bytes it takes, the last segment number."""

    def __init__(self, directory: SpoolDirectory, on_corruption: OnCorruption) -> None:
        self._directory = directory
        self._on_corruption = on_corruption
        self._corrupt_ranges: list[tuple[Segment, CorruptRange]] = []
        self.index = SpoolIndex()
        self.used_bytes = 0
        self.last_number = 0

    def run(self, max_bytes: int) -> None:
        """Read every segment. Raises OSError if the folder itself cannot be read."""
        quarantined = self._directory.quarantined_files()
        segments = self._directory.segments()
        self.used_bytes = sum(quarantined.values())
        # A number is never used twice: quarantined files of a segment keep their name to themselves.
        self.last_number = max((int(name[:16]) for name in (*quarantined, *segments)), default=0)
        for name, kinds in segments.items():
            try:
                self._recover_segment(name, kinds)
            except OSError as error:
                # Its files stay as they are: the next start may have better luck with them.
                self._on_corruption(Corruption("unreadable", name, detail=str(error)))
                self.used_bytes += sum(self._directory.allocated_bytes(name, kind) for kind in kinds)
        for segment, corrupt_range in self._corrupt_ranges:
            self._quarantine(segment, corrupt_range, max_bytes)

    def _recover_segment(self, name: str, kinds: set[str]) -> None:
        acks = self._read_acks(name) if ACK in kinds else None
        if acks is not None and acks.is_done:
            self._directory.delete(name, b"")  # a death came between the done entry and the deletion
        elif LOG in kinds:
            self._read_log(Segment(int(name[:16]), bytes.fromhex(name[17:])), acks)
        else:
            self._on_corruption(Corruption("segment", f"{name}.log", detail="it is missing"))
            self.used_bytes += self._directory.size(name, ACK)
            self._directory.quarantine_acks(name)

    def _read_acks(self, name: str) -> AckLog:
        data, _ = self._directory.read(name, ACK)
        acks = decode_acks(data, bytes.fromhex(name[17:]))
        if acks.corrupt_entries:
            self._on_corruption(Corruption("ack", f"{name}.ack", length=acks.corrupt_entries * ACK_BYTES))
        return acks

    def _read_log(self, segment: Segment, acks: AckLog | None) -> None:
        data, complete = self._directory.read(segment.name, LOG)
        if not data and (acks is None or acks.sealed_length <= 0):
            self._directory.delete(segment.name, b"")  # a death came before its first record was written
            return
        if acks is None:
            acks = AckLog(set())
            self._on_corruption(
                Corruption("ack", f"{segment.name}.ack", detail="it is missing: its records repeat")
            )
        if not complete:
            segment.pins += 1  # what cannot be read now stands nowhere else
            self._on_corruption(Corruption("unreadable", f"{segment.name}.log"))
        self._index_frames(segment, data, acks.offsets)
        self._seal(segment, acks.sealed_length)
        segment.reserved += len(data) + self._directory.size(segment.name, ACK) + segment.live * ACK_BYTES
        self.used_bytes += segment.reserved

    def _index_frames(self, segment: Segment, data: mmap | bytes, acked: set[int]) -> None:
        self.index.segments[segment.number] = segment
        add = self.index.add
        unsupported: list[UnsupportedFrame] = []
        for found in scan(data, segment.salt):
            if isinstance(found, FrameRef):
                add(segment, found, ACKED if found.offset in acked else READY)
            elif isinstance(found, UnsupportedFrame):
                if found.offset not in acked:
                    unsupported.append(found)
            elif not segment.pins:
                self._corrupt_ranges.append((segment, found))
        segment.size = len(data)
        segment.durable = len(segment.offsets)
        if unsupported:
            self._leave_unsupported(segment, unsupported)

    def _leave_unsupported(self, segment: Segment, unsupported: list[UnsupportedFrame]) -> None:
        """Let records of an unknown version stay in their log, for a release that knows it."""
        segment.pins += 1
        versions = ", ".join(str(version) for version in sorted({found.version for found in unsupported}))
        detail = f"{counted(len(unsupported), 'record')} of version {versions}: kept for the release of it"
        length = sum(found.length for found in unsupported)
        file = f"{segment.name}.log"
        self._on_corruption(
            Corruption("version", file, unsupported[0].offset, length, detail, records=len(unsupported))
        )

    def _seal(self, segment: Segment, sealed_length: int) -> None:
        if segment.size < sealed_length:
            missing_bytes = sealed_length - segment.size
            self._on_corruption(
                Corruption(
                    "truncated",
                    f"{segment.name}.log",
                    segment.size,
                    missing_bytes,
                    "its end is missing",
                )
            )
        if segment.size != sealed_length:
            with suppress(OSError):  # only a later cut of it between two records would go unseen
                self._directory.append_acks(segment.name, encode_seal(segment.salt, segment.size))

    def _quarantine(self, segment: Segment, corrupt_range: CorruptRange, max_bytes: int) -> None:
        kind = "torn_tail" if corrupt_range.torn else "record"
        # Reported before it is quarantined: a death in between reports it again rather than never.
        self._on_corruption(
            Corruption(kind, f"{segment.name}.log", corrupt_range.offset, corrupt_range.length)
        )
        try:
            self.used_bytes += self._directory.quarantine(
                segment.name, corrupt_range.offset, corrupt_range.length, max_bytes - self.used_bytes
            )
        except OSError as error:
            segment.pins += 1  # these bytes are nowhere but in its log
            self._on_corruption(
                Corruption(
                    "quarantine_failed",
                    f"{segment.name}.log",
                    corrupt_range.offset,
                    corrupt_range.length,
                    str(error),
                )
            )
