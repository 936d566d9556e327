"""Which partition a key goes to: murmur2, as Java's default partitioner computes it.

Written here because the client library's own takes longer than the rest of a send.
"""

from functools import lru_cache
from struct import unpack_from

_M = 0x5BD1E995
_SEED = 0x9747B28C
_WORD = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """Hash a key to an unsigned 32-bit number."""
    length = len(key)
    words = length >> 2
    h = _SEED ^ length
    for k in unpack_from(f"<{words}I", key):
        k = k * _M & _WORD  # noqa: PLW2901 - the algorithm mixes the word in place
        h = (h * _M ^ (k ^ k >> 24) * _M) & _WORD
    tail = key[words << 2 :]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * _M & _WORD
    h = (h ^ h >> 13) * _M & _WORD
    return h ^ h >> 15


def hash_of(key: bytes) -> int:
    """Hash a key as `murmur2` does, from memory where it was an id of late."""
    return _murmur2_of_an_id(key) if len(key) <= _ID_MAX else murmur2(key)


def partition_of(hashed: int, partitions: int) -> int:
    """Choose the partition of a key with that hash on a topic of so many."""
    return (hashed & 0x7FFFFFFF) % partitions


# One id is often a key several times within a short while; what is longer than an id is not worth keeping.
_murmur2_of_an_id = lru_cache(maxsize=8192)(murmur2)
_ID_MAX = 128
