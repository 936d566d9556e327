"""How far a partition was worked off, where not everything that was looked at is done.

A mark and the stretches before it that are open still; written as one short text, so that Kafka can keep it
beside a position. Many stretches are compressed. Where there is no room for all even so, some join: what lies
between is open again. In doubt, repeat.
"""

import zlib
from base64 import b85decode, b85encode
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, pairwise

from msgspec import Struct

TEXT_MAX = 3_500  # brokers keep 4,096 bytes beside a position (offset.metadata.max.bytes)

_PLAIN, _COMPRESSED = "1", "2"
_LOW, _MORE = 0x7F, 0x80

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
        while len(written := _written(stretches, most)) > most and len(stretches) > 1:
            stretches = _coarser(stretches)
        return written


def progress_of(seen: int, text: str) -> Progress:
    """Read what `Progress.text` wrote beside the position ``seen``; what nothing of ours wrote is nothing."""
    version, _, written = text.partition(" ")
    if version not in (_PLAIN, _COMPRESSED):
        return Progress(seen)
    found: list[Stretch] = []
    at = 0
    try:
        for gap, length in _unpacked(written) if version == _COMPRESSED else _read(written):
            start = at + gap
            at = start + length
            found.append((start, at))
    except (ValueError, zlib.error):
        return Progress(0)  # damaged: all is looked at again
    return Progress(seen, tuple(found))


def _written(stretches: Sequence[Stretch], most: int) -> str:
    runs: list[Stretch] = []  # how far from the one before, and how long
    at = 0
    for start, end in stretches:
        runs.append((start - at, end - start))
        at = end
    plain = f"{_PLAIN} {','.join(f'{gap}' if length == 1 else f'{gap}+{length}' for gap, length in runs)}"
    return plain if len(plain) <= most else min(plain, f"{_COMPRESSED} {_packed(runs)}", key=len)


def _read(written: str) -> Iterator[Stretch]:
    for word in written.split(",") if written else ():
        gap, _, length = word.partition("+")
        yield int(gap), int(length or 1)


def _packed(runs: Sequence[Stretch]) -> str:
    """Write each number in groups of 7 bits, the lowest first, all but its last with the high bit set."""
    said = bytearray()
    for number in chain.from_iterable(runs):
        rest = number
        while rest > _LOW:
            said.append(rest & _LOW | _MORE)
            rest >>= 7
        said.append(rest)
    return b85encode(zlib.compress(bytes(said), 9)).decode()


def _unpacked(written: str) -> Iterator[Stretch]:
    numbers: list[int] = []
    number = shift = 0
    for byte in zlib.decompress(b85decode(written)):
        number |= (byte & _LOW) << shift
        shift += 7
        if not byte & _MORE:
            numbers.append(number)
            number = shift = 0
    return zip(numbers[::2], numbers[1::2], strict=True)


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
