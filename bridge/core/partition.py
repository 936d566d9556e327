"""The partition of a key: murmur2, as Java's default partitioner computes it.

Written here because the client library's own takes longer than the rest of a send.
"""

from functools import lru_cache
from struct import unpack_from

_M = 0x5BD1E995
_SEED = 0x9747B28C
_UINT32_MASK = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """Hash a key to an unsigned 32-bit number."""
    length = len(key)
    words = length >> 2
    h = _SEED ^ length
    for k in unpack_from(f"<{words}I", key):
        k = k * _M & _UINT32_MASK  # noqa: PLW2901 - the algorithm mixes the word in place
        h = (h * _M ^ (k ^ k >> 24) * _M) & _UINT32_MASK
    tail = key[words << 2 :]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * _M & _UINT32_MASK
    h = (h ^ h >> 13) * _M & _UINT32_MASK
    return h ^ h >> 15


def hash_key(key: bytes) -> int:
    """Return `murmur2` of a key, from a cache for keys no longer than an id."""
    return _cached_murmur2(key) if len(key) <= _MAX_CACHED_KEY_BYTES else murmur2(key)


def partition_for(key_hash: int, partitions: int) -> int:
    """Return the partition of a key with this hash on a topic with ``partitions`` partitions."""
    return (key_hash & 0x7FFFFFFF) % partitions


# One id is often a key several times within a short while; longer keys are not cached.
_cached_murmur2 = lru_cache(maxsize=8192)(murmur2)
_MAX_CACHED_KEY_BYTES = 128
