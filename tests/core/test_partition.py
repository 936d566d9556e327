"""The partition of a key is the one that Java's default partitioner chooses."""

import pytest
from aiokafka.partitioner import murmur2 as theirs
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.partition import hash_key, murmur2, partition_for


@pytest.mark.parametrize(
    ("key", "java"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_javas(key: bytes, java: int) -> None:
    assert murmur2(key) == java % 2**32


@given(st.binary(max_size=64))
def test_the_hash_is_the_client_librarys(key: bytes) -> None:
    assert murmur2(key) == theirs(key) % 2**32


def test_a_partition_is_never_negative() -> None:
    assert partition_for(hash_key(b"21"), 4) == (-973932308 & 0x7FFFFFFF) % 4
    assert partition_for(hash_key(b"k" * 1000), 7) == (theirs(b"k" * 1000) & 0x7FFFFFFF) % 7
    assert {partition_for(hash_key(b"%d" % number), 3) for number in range(100)} == {0, 1, 2}
