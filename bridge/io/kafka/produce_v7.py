"""The produce request and its response, version 7, packed and unpacked in one go.

The library does so field by field: with many partitions in a request that costs as much as the records.
Any other version is left to it.
"""

from collections.abc import Sequence
from io import BytesIO
from struct import Struct
from typing import Self

from aiokafka.protocol.api import RequestStruct
from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7, ProduceResponse_v7

PartitionBatches = Sequence[tuple[int, bytes]]
PartitionResponses = list[tuple[int, int, int, int, int]]

_REQUEST_HEADER = Struct(">hhii")  # no transaction's id, acks, timeout, topics
_INT16 = Struct(">h")
_INT32 = Struct(">i")
_INT32_PAIR = Struct(">ii")
_PARTITION_RESPONSE = Struct(">ihqqq")  # partition, error, offset, timestamp, first offset of the log


class FastProduceResponse(ProduceResponse_v7):  # type: ignore[misc]  # the library is not typed
    """The library's response, unpacked here."""

    @classmethod
    def decode(cls, source: BytesIO | bytes) -> Self:
        """Unpack what follows the header: topics, throttle time. Raises if it is cut or too long."""
        data = source if isinstance(source, bytes) else source.read()
        (count,), offset = _INT32.unpack_from(data, 0), _INT32.size
        topics: list[tuple[str, PartitionResponses]] = []
        for _ in range(count):
            start = offset + _INT16.size
            end = start + _INT16.unpack_from(data, offset)[0]
            (partitions,), offset = _INT32.unpack_from(data, end), end + _INT32.size
            responses, offset = (
                data[offset : offset + partitions * _PARTITION_RESPONSE.size],
                offset + partitions * _PARTITION_RESPONSE.size,
            )
            topics.append((data[start:end].decode(), list(_PARTITION_RESPONSE.iter_unpack(responses))))
        if len(data) != offset + _INT32.size:
            raise ValueError("a response of another length than it says")
        return cls(topics, *_INT32.unpack_from(data, offset))


class FastProduceRequestV7(ProduceRequest_v7):  # type: ignore[misc]  # the library is not typed
    """The library's request of version 7 that belongs to no transaction, packed here."""

    RESPONSE_TYPE = FastProduceResponse
    topics: Sequence[tuple[str, PartitionBatches]]

    def encode(self) -> bytes:
        """Pack what follows the header."""
        parts = [_REQUEST_HEADER.pack(-1, self.required_acks, self.timeout, len(self.topics))]
        for topic, partitions in self.topics:
            name = topic.encode()
            parts += (_INT16.pack(len(name)), name, _INT32.pack(len(partitions)))
            for partition, batch in partitions:
                parts += (_INT32_PAIR.pack(partition, len(batch)), batch)
        return b"".join(parts)


class FastProduceRequest(ProduceRequest):  # type: ignore[misc]  # the library is not typed
    """The library's request, packed here where the broker takes version 7."""

    def build(self, request_struct_class: type[RequestStruct]) -> RequestStruct:
        """Build the request of the version that was agreed on."""
        is_fast = request_struct_class is ProduceRequest_v7 and self._transactional_id is None
        return super().build(FastProduceRequestV7 if is_fast else request_struct_class)
