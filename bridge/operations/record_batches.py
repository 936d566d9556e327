"""Leaves record batches out of fetched bytes that cannot hold a text, without decoding them.

The format is Kafka's record batch, version 2; whatever is another one, or compressed, is kept.
"""

import struct
from collections.abc import Sequence

from aiokafka.record.util import calc_crc32c

_HEAD = struct.Struct(">qi4xbIh")  # base offset, length of what follows, magic, CRC, attributes
_LENGTH_FROM = 12  # the length counts from here
_CRC_FROM = 21  # the CRC is of what stands from here on
_COUNT_FROM, _HEAD_END = 57, 61  # the number of records, the last member of the head
_MAGIC = 2
_COMPRESSION_BITS = 0x07


def batches_with(fetched: bytes, needles: Sequence[bytes]) -> bytes:
    """Return the batches in which one of ``needles`` stands.

    Of the last one at least its head is kept, with no records: it tells a reader how far it has come. Bytes
    without a whole batch are returned as they are.
    """
    kept: list[bytes] = []
    last = b""
    at = 0
    while at + _HEAD_END <= len(fetched):
        _, length, magic, _, attributes = _HEAD.unpack_from(fetched, at)
        end = at + _LENGTH_FROM + length
        if length <= 0 or end > len(fetched):
            break
        is_plain = magic == _MAGIC and not attributes & _COMPRESSION_BITS
        if not is_plain or any(fetched.find(needle, at, end) >= 0 for needle in needles):
            kept.append(fetched[at:end])
            last = b""
        else:
            last = fetched[at : at + _HEAD_END]
        at = end
    if at == 0:
        return fetched
    return b"".join([*kept, _without_records(last)] if last else kept)


def _without_records(head: bytes) -> bytes:
    """Return a batch of no records that ends where the one of this head did, as a compaction leaves it."""
    checked = head[_CRC_FROM:_COUNT_FROM] + bytes(_HEAD_END - _COUNT_FROM)
    base = head[:8] + struct.pack(">i", _HEAD_END - _LENGTH_FROM) + head[_LENGTH_FROM:17]
    return base + struct.pack(">I", calc_crc32c(checked)) + checked
