"""The request to produce and its answer, version 7, packed and unpacked in one go.

The library does so field by field: with many partitions in a request that costs as much as the records.
Any other version is left to it.
"""

from collections.abc import Sequence
from io import BytesIO
from struct import Struct
from typing import Self

from aiokafka.protocol.api import RequestStruct
from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7, ProduceResponse_v7

Partitions = Sequence[tuple[int, bytes]]
Answers = list[tuple[int, int, int, int, int]]

_HEAD = Struct(">hhii")  # no transaction's id, acks, timeout, topics
_SHORT = Struct(">h")
_LONG = Struct(">i")
_PAIR = Struct(">ii")
_ANSWER = Struct(">ihqqq")  # partition, error, offset, timestamp, first offset of the log


def pack_request(acks: int, timeout: int, topics: Sequence[tuple[str, Partitions]]) -> bytes:
    """Pack a request that belongs to no transaction."""
    parts = [_HEAD.pack(-1, acks, timeout, len(topics))]
    for topic, partitions in topics:
        name = topic.encode()
        parts += (_SHORT.pack(len(name)), name, _LONG.pack(len(partitions)))
        for partition, batch in partitions:
            parts += (_PAIR.pack(partition, len(batch)), batch)
    return b"".join(parts)


def unpack_answer(data: bytes) -> tuple[list[tuple[str, Answers]], int]:
    """Unpack an answer's topics and its throttling in milliseconds; raises where it is cut or too long."""
    (count,), at = _LONG.unpack_from(data, 0), _LONG.size
    topics = []
    for _ in range(count):
        start = at + _SHORT.size
        end = start + _SHORT.unpack_from(data, at)[0]
        (partitions,), at = _LONG.unpack_from(data, end), end + _LONG.size
        answers, at = data[at : at + partitions * _ANSWER.size], at + partitions * _ANSWER.size
        topics.append((data[start:end].decode(), list(_ANSWER.iter_unpack(answers))))
    if len(data) != at + _LONG.size:
        raise ValueError("an answer of another length than it says")
    return topics, _LONG.unpack_from(data, at)[0]


class Answer(ProduceResponse_v7):  # type: ignore[misc]  # the library is not typed
    """The library's answer, unpacked here."""

    @classmethod
    def decode(cls, data: BytesIO | bytes) -> Self:
        """Unpack what follows the header."""
        return cls(*unpack_answer(data if isinstance(data, bytes) else data.read()))


class _Request(ProduceRequest_v7):  # type: ignore[misc]  # the library is not typed
    RESPONSE_TYPE = Answer

    def encode(self) -> bytes:
        return pack_request(self.required_acks, self.timeout, self.topics)


class Request(ProduceRequest):  # type: ignore[misc]  # the library is not typed
    """The library's request, packed here where the broker takes version 7."""

    def build(self, request_struct_class: type[RequestStruct]) -> RequestStruct:
        """Build the request of the version that was agreed on."""
        quick = request_struct_class is ProduceRequest_v7 and self._transactional_id is None
        return super().build(_Request if quick else request_struct_class)
