"""Progress in a partition whose records are processed out of order: a high watermark, and gaps below it.

The gaps are encoded as one short text, which fits into the metadata of a committed offset. Many gaps are
compressed; where they still do not fit, neighbours are merged, and the offsets between them become pending
again: records are repeated rather than lost.
"""

import zlib
from base64 import b85decode, b85encode
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, pairwise

from msgspec import Struct

ENCODED_MAX = 3_500  # characters; brokers allow 4,096 bytes (offset.metadata.max.bytes)

_PLAIN, _COMPRESSED = "1", "2"
_LOW_BITS, _MORE_BIT = 0x7F, 0x80

OffsetRange = tuple[int, int]  # [start, end): the end is excluded


class Progress(Struct, frozen=True):
    """All offsets below ``high_watermark`` are done, except those in ``gaps``, which are in order."""

    high_watermark: int = 0
    gaps: tuple[OffsetRange, ...] = ()

    @property
    def first_pending(self) -> int:
        """The first offset that is not done."""
        return self.gaps[0][0] if self.gaps else self.high_watermark

    def is_pending(self, offset: int) -> bool:
        """Whether the record at ``offset`` is not done."""
        return offset >= self.high_watermark or any(start <= offset < end for start, end in self.gaps)

    def advance(self, reached: int, done: Collection[int]) -> "Progress":
        """Raise the high watermark to ``reached``; below it only the offsets in ``done`` are newly done."""
        high_watermark = max(self.high_watermark, reached)
        fresh = [(self.high_watermark, high_watermark)] if high_watermark > self.high_watermark else []
        return Progress(high_watermark, tuple(_subtract([*self.gaps, *fresh], sorted(done))))

    def trim_before(self, start_offset: int) -> "Progress":
        """Drop all before ``start_offset``, the first offset that the partition still has."""
        kept = [(max(start, start_offset), end) for start, end in self.gaps if end > start_offset]
        return Progress(max(self.high_watermark, start_offset), tuple(kept))

    def encode(self, max_chars: int = ENCODED_MAX) -> str:
        """Encode the gaps in at most ``max_chars`` characters, merging some if needed."""
        ranges: Sequence[OffsetRange] = self.gaps
        while len(encoded := _encode(ranges, max_chars)) > max_chars and len(ranges) > 1:
            ranges = _merge_small_gaps(ranges)
        return encoded


def decode_progress(high_watermark: int, text: str) -> Progress:
    """Decode the metadata of a committed offset, ``high_watermark``. Foreign text means no gaps."""
    version, _, encoded = text.partition(" ")
    if version not in (_PLAIN, _COMPRESSED):
        return Progress(high_watermark)
    found: list[OffsetRange] = []
    at = 0
    try:
        for gap, length in _decompress(encoded) if version == _COMPRESSED else _decode_plain(encoded):
            start = at + gap
            at = start + length
            found.append((start, at))
    except (ValueError, zlib.error):
        return Progress(0)  # corrupt: start again from the beginning
    return Progress(high_watermark, tuple(found))


def _encode(ranges: Sequence[OffsetRange], max_chars: int) -> str:
    runs: list[OffsetRange] = []  # (distance from the previous range, length)
    at = 0
    for start, end in ranges:
        runs.append((start - at, end - start))
        at = end
    plain = f"{_PLAIN} {','.join(f'{gap}' if length == 1 else f'{gap}+{length}' for gap, length in runs)}"
    if len(plain) <= max_chars:
        return plain
    return min(plain, f"{_COMPRESSED} {pack_numbers(chain.from_iterable(runs))}", key=len)


def _decode_plain(encoded: str) -> Iterator[OffsetRange]:
    for item in encoded.split(",") if encoded else ():
        gap, _, length = item.partition("+")
        yield int(gap), int(length or 1)


def pack_numbers(numbers: Iterable[int]) -> str:
    """Encode numbers as varints (groups of 7 bits, the lowest first), compressed, as base85."""
    packed = bytearray()
    for number in numbers:
        rest = number
        while rest > _LOW_BITS:
            packed.append(rest & _LOW_BITS | _MORE_BIT)
            rest >>= 7
        packed.append(rest)
    return b85encode(zlib.compress(bytes(packed), 9)).decode()


def unpack_numbers(encoded: str) -> list[int]:
    """Decode what `pack_numbers` gave. Raises ValueError or zlib.error."""
    numbers: list[int] = []
    number = shift = 0
    for byte in zlib.decompress(b85decode(encoded)):
        number |= (byte & _LOW_BITS) << shift
        shift += 7
        if not byte & _MORE_BIT:
            numbers.append(number)
            number = shift = 0
    return numbers


def _decompress(encoded: str) -> Iterator[OffsetRange]:
    numbers = unpack_numbers(encoded)
    return zip(numbers[::2], numbers[1::2], strict=True)


def _merge_small_gaps(ranges: Sequence[OffsetRange]) -> list[OffsetRange]:
    """Merge ranges across the smaller half of the distances between them: the fewest offsets are repeated."""
    gaps = [after[0] - before[1] for before, after in pairwise(ranges)]
    small = sorted(gaps)[(len(gaps) - 1) // 2]
    joined = [ranges[0]]
    for gap, offset_range in zip(gaps, ranges[1:], strict=True):
        if gap <= small:
            joined[-1] = (joined[-1][0], offset_range[1])
        else:
            joined.append(offset_range)
    return joined


def _subtract(ranges: Sequence[OffsetRange], done: Sequence[int]) -> Iterator[OffsetRange]:
    """Remove ``done`` from ``ranges``, both in order; adjacent ranges are joined."""
    current: OffsetRange | None = None
    for piece in _split(ranges, done):
        if current is not None and current[1] == piece[0]:
            current = (current[0], piece[1])
            continue
        if current is not None:
            yield current
        current = piece
    if current is not None:
        yield current


def _split(ranges: Sequence[OffsetRange], done: Sequence[int]) -> Iterator[OffsetRange]:
    at = 0
    for start, end in ranges:
        begin = start
        while at < len(done) and done[at] < end:
            if done[at] >= begin:
                if done[at] > begin:
                    yield begin, done[at]
                begin = done[at] + 1
            at += 1
        if begin < end:
            yield begin, end
