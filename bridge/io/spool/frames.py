"""How a record stands in a file, and an acknowledgement beside it: bytes in, values out.

A frame, little-endian: salt 8 | crc32c 4 | length 4 | version 1 | key hash 4 | put at, unix ms 8 | body. The
checksum is over all that follows it, the length is the body's, the body is msgpack: topic, key, value,
headers. Versions 1 to 15 only ever add at the end of the body, so that either of two releases reads the
other's. Any other version is of a layout that this release does not know: it stays where it is.

The salt is drawn for each file and never leaves the bridge: no bytes in an event can pass for a frame when
the next good one is searched behind damage. Nothing here opens a file.
"""

from collections.abc import Iterator
from mmap import mmap
from struct import Struct as Layout
from typing import NamedTuple

from crc32c import crc32c
from msgspec import DecodeError, Struct, msgpack

from bridge.core.event import Record

SALT_BYTES = 8
ACK_BYTES = 8
VERSION = 1

_READABLE_VERSIONS = range(1, 16)
_FRAME_HEADER = Layout("<8sIIBIQ")
_CHECKED = Layout("<IBIQ")
FRAME_HEADER_BYTES = _FRAME_HEADER.size
_CHECKED_FROM = SALT_BYTES + 4
_ACK = Layout("<II")
_DONE = 0xFFFFFFFF
_SEALED = b"sealed"
_PARTS_BYTES = 1 + 4 * 5  # msgpack's lengths: of the array, and of topic, key, value and headers
_RECORD_HEADER_BYTES = 1 + 2 * 5


class CorruptFrameError(Exception):
    """These bytes are not the frame that was written."""


class FrameRef(NamedTuple):
    """A good frame: where it stands, and what the index keeps of it."""

    offset: int
    length: int
    key_hash: int
    put_ms: int
    topic: str


FrameTuple = tuple[int, int, int, int, str]
"""The fields of a `FrameRef`, in their order: a plain tuple is made at a fifth of the cost."""


class CorruptRange(NamedTuple):
    """Bytes that are no frame. ``torn``: one's beginning, cut by the file's end, as a death leaves it."""

    offset: int
    length: int
    torn: bool


class UnsupportedFrame(NamedTuple):
    """A frame whose checksum holds and whose version this release does not know."""

    offset: int
    length: int
    version: int


class AckLog(NamedTuple):
    """The content of a segment's .ack file.

    ``sealed_length`` is the log's length in bytes when it was closed, -1 if there is no seal;
    ``corrupt_entries`` counts entries whose checksum does not hold.
    """

    offsets: set[int]
    is_done: bool = False
    sealed_length: int = -1
    corrupt_entries: int = 0


class _Body(Struct, array_like=True, frozen=True):
    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class _BodyPrefix(Struct, array_like=True, frozen=True):
    topic: str


_encode = msgpack.Encoder().encode
_pack_checked, _pack_header = _CHECKED.pack, _FRAME_HEADER.pack
_decode = msgpack.Decoder(_Body).decode
_decode_prefix = msgpack.Decoder(_BodyPrefix).decode


def encode_body(record: Record) -> bytes:
    """Write ``record`` as a frame's body."""
    return _encode((record.topic, record.key, record.value, record.headers))


def body_bound(record: Record) -> int:
    """Return an upper bound of the bytes of `encode_body`, at a tenth of the cost of encoding."""
    size = _PARTS_BYTES + len(record.topic.encode()) + len(record.key) + len(record.value)
    for name, value in record.headers:
        size += _RECORD_HEADER_BYTES + len(name.encode()) + len(value)
    return size


def encode_header(body: bytes, salt: bytes, key_hash: int, put_ms: int) -> bytes:
    """Write what stands before a body in its frame. The body is not copied."""
    size = len(body)
    crc = crc32c(body, crc32c(_pack_checked(size, VERSION, key_hash, put_ms)))
    return _pack_header(salt, crc, size, VERSION, key_hash, put_ms)


def encode_frame(body: bytes, salt: bytes, key_hash: int, put_ms: int) -> bytes:
    """Frame a body."""
    return encode_header(body, salt, key_hash, put_ms) + body


def decode_frame(frame: memoryview, salt: bytes) -> Record:
    """Decode a frame. Raises `CorruptFrameError`."""
    if not isinstance(_parse_frame(frame, 0, salt), FrameRef):
        raise CorruptFrameError("its checksum does not hold")
    try:
        body = _decode(frame[FRAME_HEADER_BYTES:])
    except DecodeError as error:
        raise CorruptFrameError(str(error)) from error
    return Record(topic=body.topic, key=body.key, value=body.value, headers=body.headers)


def scan(data: mmap | bytes, salt: bytes) -> Iterator[FrameRef | UnsupportedFrame | CorruptRange]:
    """Find every good frame of a segment, ours and another release's, and what lies between them."""
    view = memoryview(data)
    at = 0
    while at < len(data):
        frame = _parse_frame(view, at, salt)
        if frame is None:
            start, at = at, _next_frame(data, view, at, salt)
            yield CorruptRange(start, at - start, torn=at == len(data) and _is_torn(data[start:], salt))
        else:
            yield frame
            at += frame.length


def _parse_frame(view: memoryview, at: int, salt: bytes) -> FrameRef | UnsupportedFrame | None:
    if at + FRAME_HEADER_BYTES > len(view):
        return None
    found, crc, length, version, key_hash, put_ms = _FRAME_HEADER.unpack_from(view, at)
    end = at + FRAME_HEADER_BYTES + length
    if found != salt or end > len(view) or crc32c(view[at + _CHECKED_FROM : end]) != crc:
        return None
    if version not in _READABLE_VERSIONS:
        return UnsupportedFrame(at, end - at, version)
    try:
        topic = _decode_prefix(view[at + FRAME_HEADER_BYTES : end]).topic
    except DecodeError:
        return None
    return FrameRef(at, end - at, key_hash, put_ms, topic)


def _next_frame(data: mmap | bytes, view: memoryview, at: int, salt: bytes) -> int:
    while (at := data.find(salt, at + 1)) >= 0:
        if _parse_frame(view, at, salt) is not None:
            return at
    return len(data)


def _is_torn(rest: bytes, salt: bytes) -> bool:
    if len(rest) < FRAME_HEADER_BYTES:
        return rest[:SALT_BYTES] == salt[: len(rest)]
    found, _, length, *_ = _FRAME_HEADER.unpack_from(rest)
    return bool(found == salt and FRAME_HEADER_BYTES + length > len(rest))


def encode_ack(salt: bytes, offset: int) -> bytes:
    """Acknowledge the record at ``offset``. The salt in the checksum ties it to this segment alone."""
    return _ACK.pack(offset, crc32c(offset.to_bytes(4, "little"), crc32c(salt)))


def encode_done(salt: bytes) -> bytes:
    """Encode the entry that marks a segment as fully acknowledged and about to be deleted."""
    return encode_ack(salt, _DONE)


def encode_seal(salt: bytes, length: int) -> bytes:
    """Encode the log's final ``length``, so that a truncation shows even between two frames."""
    return _ACK.pack(length, _seal_crc(length, crc32c(salt)))


def decode_acks(data: mmap | bytes, salt: bytes) -> AckLog:
    """Read a segment's acknowledgements. A torn or damaged one acknowledges nothing: its record repeats."""
    salt_crc = crc32c(salt)
    offsets: set[int] = set()
    sealed_length, corrupt_entries = -1, 0
    for offset, crc in _ACK.iter_unpack(data[: len(data) // ACK_BYTES * ACK_BYTES]):
        if crc == crc32c(offset.to_bytes(4, "little"), salt_crc):
            offsets.add(offset)
        elif crc == _seal_crc(offset, salt_crc):
            sealed_length = offset
        else:
            corrupt_entries += 1
    return AckLog(offsets, _DONE in offsets, sealed_length, corrupt_entries)


def _seal_crc(length: int, salt_crc: int) -> int:
    return crc32c(length.to_bytes(4, "little") + _SEALED, salt_crc)
