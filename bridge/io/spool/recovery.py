"""What a start finds: every segment read whole, every checksum proved, damage told and kept aside.

It never fails because of what a file holds: it goes on with what is left.
"""

from collections.abc import Callable
from contextlib import suppress
from mmap import mmap
from typing import NamedTuple

from bridge.core.plural import counted
from bridge.io.spool.folder import ACK, LOG, Folder
from bridge.io.spool.frames import ACK_BYTES, Acks, Foreign, Gap, Mark, acks_of, seal_of, walk
from bridge.io.spool.ledger import Ledger
from bridge.io.spool.segment import GONE, READY, Segment


class Damage(NamedTuple):
    """One damage: the word it is counted by, the file, where in it, how many bytes, what is known more.

    ``records`` is how many it tells of.
    """

    what: str
    file: str
    offset: int = 0
    length: int = 0
    detail: str = ""
    records: int = 1


Tell = Callable[[Damage], None]


class Recovery:
    """Reads a folder once: what stands in it, how many bytes it takes, the last number that was used."""

    def __init__(self, folder: Folder, tell: Tell) -> None:
        self._folder = folder
        self._tell = tell
        self._gaps: list[tuple[Segment, Gap]] = []
        self.ledger = Ledger()
        self.used = 0
        self.last = 0

    def run(self, cap: int) -> None:
        """Read every segment. Raises `OSError` where the folder itself cannot be read."""
        damaged = self._folder.damaged()
        segments = self._folder.segments()
        self.used = sum(damaged.values())
        # A number is never used twice: whatever is kept of a segment stays its own.
        self.last = max((int(name[:16]) for name in (*damaged, *segments)), default=0)
        for name, kinds in segments.items():
            try:
                self._recover(name, kinds)
            except OSError as error:
                # Its files stay as they are: the next start may have better luck with them.
                self._tell(Damage("unreadable", name, detail=str(error)))
                self.used += sum(self._folder.allocated(name, kind) for kind in kinds)
        for segment, gap in self._gaps:
            self._keep_aside(segment, gap, cap)

    def _recover(self, name: str, kinds: set[str]) -> None:
        acks = self._acks(name) if ACK in kinds else None
        if acks is not None and acks.done:
            self._folder.delete(name, b"")  # a death came between the word that it is done and the deed
        elif LOG in kinds:
            self._read(Segment(int(name[:16]), bytes.fromhex(name[17:])), acks)
        else:
            self._tell(Damage("segment", f"{name}.log", detail="it is missing"))
            self.used += self._folder.size(name, ACK)
            self._folder.bury_acks(name)

    def _acks(self, name: str) -> Acks:
        data, _ = self._folder.read(name, ACK)
        acks = acks_of(data, bytes.fromhex(name[17:]))
        if acks.damaged:
            self._tell(Damage("ack", f"{name}.ack", length=acks.damaged * ACK_BYTES))
        return acks

    def _read(self, segment: Segment, acks: Acks | None) -> None:
        data, well = self._folder.read(segment.name, LOG)
        if not data and (acks is None or acks.sealed <= 0):
            self._folder.delete(segment.name, b"")  # a death came before its first record was written
            return
        if acks is None:
            acks = Acks(set())
            self._tell(Damage("ack", f"{segment.name}.ack", detail="it is missing: its records repeat"))
        if not well:
            segment.pins += 1  # what cannot be read now stands nowhere else
            self._tell(Damage("unreadable", f"{segment.name}.log"))
        self._index(segment, data, acks.offsets)
        self._seal(segment, acks.sealed)
        segment.reserved += len(data) + self._folder.size(segment.name, ACK) + segment.left * ACK_BYTES
        self.used += segment.reserved

    def _index(self, segment: Segment, data: mmap | bytes, gone: set[int]) -> None:
        self.ledger.segments[segment.number] = segment
        add = self.ledger.add
        foreign: list[Foreign] = []
        for found in walk(data, segment.salt):
            if isinstance(found, Mark):
                add(segment, found, GONE if found.offset in gone else READY)
            elif isinstance(found, Foreign):
                if found.offset not in gone:
                    foreign.append(found)
            elif not segment.pins:
                self._gaps.append((segment, found))
        segment.size = len(data)
        segment.durable = len(segment.offsets)
        if foreign:
            self._leave(segment, foreign)

    def _leave(self, segment: Segment, foreign: list[Foreign]) -> None:
        """Let records of an unknown version stay in their log, for a release that knows it."""
        segment.pins += 1
        versions = ", ".join(str(version) for version in sorted({found.version for found in foreign}))
        detail = f"{counted(len(foreign), 'record')} of version {versions}: kept for the release of it"
        length = sum(found.length for found in foreign)
        file = f"{segment.name}.log"
        self._tell(Damage("version", file, foreign[0].offset, length, detail, records=len(foreign)))

    def _seal(self, segment: Segment, sealed: int) -> None:
        if segment.size < sealed:
            lost = sealed - segment.size
            self._tell(Damage("cut", f"{segment.name}.log", segment.size, lost, "the file's end is missing"))
        if segment.size != sealed:
            with suppress(OSError):  # only a later cut of it between two records would go unseen
                self._folder.append_acks(segment.name, seal_of(segment.salt, segment.size))

    def _keep_aside(self, segment: Segment, gap: Gap, cap: int) -> None:
        what = "tail" if gap.torn else "record"
        # Told before it is kept: a death in between tells it again rather than never.
        self._tell(Damage(what, f"{segment.name}.log", gap.offset, gap.length))
        try:
            self.used += self._folder.keep_aside(segment.name, gap.offset, gap.length, cap - self.used)
        except OSError as error:
            segment.pins += 1  # its log is the only place where these bytes stand
            self._tell(Damage("not_kept_aside", f"{segment.name}.log", gap.offset, gap.length, str(error)))
