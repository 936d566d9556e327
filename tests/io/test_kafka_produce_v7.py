"""What is packed and unpacked in one go, beside the library's own way: the same bytes, the same answers."""

from struct import error

import pytest
from aiokafka.protocol.produce import ProduceRequest_v6, ProduceRequest_v7, ProduceResponse_v7
from hypothesis import given
from hypothesis import strategies as some

from bridge.io.kafka.produce_v7 import (
    FastProduceRequest,
    FastProduceRequestV7,
    FastProduceResponse,
)

_number = some.integers(-(2**63), 2**63 - 1)
_partition = some.integers(0, 2**31 - 1)
_topic = some.text(max_size=249)
_partition_response = some.tuples(_partition, some.integers(-1, 120), _number, _number, _number)
_topic_responses = some.lists(some.tuples(_topic, some.lists(_partition_response, max_size=4)), max_size=4)
_topic_batches = some.lists(
    some.tuples(_topic, some.lists(some.tuples(_partition, some.binary()), max_size=4)), max_size=4
)


@given(acks=some.sampled_from([-1, 0, 1]), timeout=_partition, topics=_topic_batches)
def test_a_request_is_encoded_as_the_library_encodes_it(
    acks: int, timeout: int, topics: list[tuple[str, list[tuple[int, bytes]]]]
) -> None:
    request, library_request = (
        kind(None, acks, timeout, topics) for kind in (FastProduceRequestV7, ProduceRequest_v7)
    )
    assert request.encode() == library_request.encode()


@given(topics=_topic_responses, throttled=_partition)
def test_a_response_is_decoded_as_the_library_decodes_it(
    topics: list[tuple[str, list[tuple[int, int, int, int, int]]]], throttled: int
) -> None:
    data = ProduceResponse_v7(topics, throttled).encode()
    response = FastProduceResponse.decode(data)
    assert (response.topics, response.throttle_time_ms) == (topics, throttled)
    assert response == ProduceResponse_v7.decode(data)


def test_a_response_that_is_truncated_or_too_long_is_an_error() -> None:
    data = ProduceResponse_v7([("t", [(1, 0, 2, 3, 4)])], 0).encode()
    for damaged in (data[:-1], data[:-20], data[:3], data + b"0"):
        with pytest.raises((ValueError, error)):
            FastProduceResponse.decode(damaged)


def test_only_the_version_that_is_known_is_encoded_here() -> None:
    request = FastProduceRequest(None, -1, 1_000, [("t", [(1, b"x")])])
    old, new = request.build(ProduceRequest_v6), request.build(ProduceRequest_v7)
    assert type(old) is ProduceRequest_v6
    assert new.RESPONSE_TYPE is FastProduceResponse
    assert old.encode() == new.encode()
