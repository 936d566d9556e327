"""How far a partition was worked off, where not everything that was looked at is done.

A mark and the stretches before it that are open still; written as one short text, so that Kafka can keep it
beside a position. Where there is no room for all stretches, some join: what lies between is open again. In
doubt, repeat.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

TEXT_MAX = 3_500  # brokers keep 4,096 bytes beside a position (offset.metadata.max.bytes)

_VERSION = "1"

Stretch = tuple[int, int]  # from the first offset to the one behind the last


class Progress(Struct, frozen=True):
    """All below ``seen`` was looked at; ``open`` are the stretches there that are not done, in order."""

    seen: int = 0
    open: tuple[Stretch, ...] = ()

    @property
    def first(self) -> int:
        """The first offset that is not done."""
        return self.open[0][0] if self.open else self.seen

    def wants(self, offset: int) -> bool:
        """Tell whether the record at ``offset`` is not done."""
        return offset >= self.seen or any(start <= offset < end for start, end in self.open)

    def after(self, reached: int, done: Collection[int]) -> "Progress":
        """Go on to ``reached``: of what lies before it and was not done, now the offsets ``done`` are."""
        seen = max(self.seen, reached)
        fresh = [(self.seen, seen)] if seen > self.seen else []
        return Progress(seen, tuple(_without([*self.open, *fresh], sorted(done))))

    def since(self, beginning: int) -> "Progress":
        """Forget what lies before ``beginning``, where a topic's records now begin."""
        kept = [(max(start, beginning), end) for start, end in self.open if end > beginning]
        return Progress(max(self.seen, beginning), tuple(kept))

    def text(self, most: int = TEXT_MAX) -> str:
        """Write the stretches in at most ``most`` characters (those of a few)."""
        stretches: Sequence[Stretch] = self.open
        while len(written := _written(stretches)) > most and len(stretches) > 1:
            stretches = _coarser(stretches)
        return written


def progress_of(seen: int, text: str) -> Progress:
    """Read what `Progress.text` wrote beside the position ``seen``; what nothing of ours wrote is nothing."""
    version, _, written = text.partition(" ")
    if version != _VERSION:
        return Progress(seen)
    found: list[Stretch] = []
    at = 0
    try:
        for word in written.split(",") if written else ():
            gap, _, length = word.partition("+")
            start = at + int(gap)
            at = start + int(length or 1)
            found.append((start, at))
    except ValueError:
        return Progress(0)  # damaged: all is looked at again
    return Progress(seen, tuple(found))


def _written(stretches: Sequence[Stretch]) -> str:
    words: list[str] = []
    at = 0
    for start, end in stretches:
        words.append(f"{start - at}" if end - start == 1 else f"{start - at}+{end - start}")
        at = end
    return f"{_VERSION} {','.join(words)}"


def _coarser(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Join where the least is opened again: over the smaller half of the gaps."""
    gaps = [after[0] - before[1] for before, after in pairwise(stretches)]
    small = sorted(gaps)[(len(gaps) - 1) // 2]
    joined = [stretches[0]]
    for gap, stretch in zip(gaps, stretches[1:], strict=True):
        if gap <= small:
            joined[-1] = (joined[-1][0], stretch[1])
        else:
            joined.append(stretch)
    return joined


def _without(stretches: Sequence[Stretch], done: Sequence[int]) -> Iterator[Stretch]:
    """Cut ``done`` out of ``stretches``, both in order; stretches that touch become one."""
    held: Stretch | None = None
    for piece in _pieces(stretches, done):
        if held is not None and held[1] == piece[0]:
            held = (held[0], piece[1])
            continue
        if held is not None:
            yield held
        held = piece
    if held is not None:
        yield held


def _pieces(stretches: Sequence[Stretch], done: Sequence[int]) -> Iterator[Stretch]:
    at = 0
    for start, end in stretches:
        begin = start
        while at < len(done) and done[at] < end:
            if done[at] >= begin:
                if done[at] > begin:
                    yield begin, done[at]
                begin = done[at] + 1
            at += 1
        if begin < end:
            yield begin, end
