"""How often each record of a partition has failed, as one short text for the metadata of a committed offset.

Where the text would be too long, the lowest counts are forgotten: those records are tried more often.
"""

import zlib
from collections.abc import Mapping, Sequence
from itertools import chain

from bridge.core.progress import ENCODED_MAX, pack_numbers, unpack_numbers

_VERSION = "1"
_NUMBERS_PER_RUN = 3

_Run = tuple[int, int, int]  # first offset, how many, the count of each


def encode_attempts(counts: Mapping[int, int], max_chars: int = ENCODED_MAX) -> str:
    """Encode the counts by offset; those above 0 are kept, the highest first where not all have room."""
    runs = _runs_of(counts)
    while len(text := _encode(runs)) > max_chars and runs:
        highest = sorted(runs, key=lambda run: (-run[2], run[0]))[: len(runs) // 2]
        runs = sorted(highest)
    return text


def decode_attempts(text: str, first: int, end: int) -> dict[int, int]:
    """Decode the counts of the offsets from ``first`` to before ``end``. Foreign text has none."""
    version, _, encoded = text.partition(" ")
    if version != _VERSION:
        return {}
    try:
        numbers = unpack_numbers(encoded)
    except (ValueError, zlib.error):
        return {}
    counts: dict[int, int] = {}
    at = 0
    whole_runs = len(numbers) // _NUMBERS_PER_RUN * _NUMBERS_PER_RUN
    for index in range(0, whole_runs, _NUMBERS_PER_RUN):
        gap, length, count = numbers[index : index + _NUMBERS_PER_RUN]
        start = at + gap
        at = start + length
        counts |= dict.fromkeys(range(max(start, first), min(at, end)), count)
    return counts


def _runs_of(counts: Mapping[int, int]) -> list[_Run]:
    """Join neighbours with equal counts."""
    runs: list[_Run] = []
    for offset, count in sorted(counts.items()):
        if count <= 0:
            continue
        if runs and runs[-1][2] == count and sum(runs[-1][:2]) == offset:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1, count)
        else:
            runs.append((offset, 1, count))
    return runs


def _encode(runs: Sequence[_Run]) -> str:
    rows: list[_Run] = []  # (distance from the previous run, length, count)
    at = 0
    for start, length, count in runs:
        rows.append((start - at, length, count))
        at = start + length
    return f"{_VERSION} {pack_numbers(chain.from_iterable(rows))}"
