"""Encodes a struct with long members piece by piece: the text is msgspec's.

msgspec encodes it in one call, which holds the GIL for up to 10 ms where a record has 8 MB.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from bridge.core.pieces import PIECE_BYTES, byte_pieces, pieces

# No JSON text holds this byte: it is where a long member is to be.
_GAP = b"\0"
_GAP_RAW = Raw(_GAP)

_encode = msgspec.json.encode


def encode_in_pieces(value: Struct) -> bytes:
    """Return ``msgspec.json.encode(value)``, of which nothing else may be wanted: it loses its long members.

    Those are its own texts and `Raw` members, not those of structs in it.
    """
    long_members: list[str | Raw] = []
    for name in value.__struct_fields__:
        member = getattr(value, name)
        if isinstance(member, str | Raw) and len(member) > PIECE_BYTES:
            long_members.append(member)
            setattr(value, name, _GAP_RAW)
    first, *others = _encode(value).split(_GAP)
    parts = [first]
    for member, other in zip(long_members, others, strict=True):
        if isinstance(member, str):
            parts += _encoded_text(member)
        else:
            parts += byte_pieces(member)
        parts.append(other)
    return b"".join(parts)  # of plain bytes, which are copied without the GIL


def _encoded_text(text: str) -> Iterator[bytes]:
    yield b'"'
    for piece in pieces(text):
        yield _encode(piece)[1:-1]
    yield b'"'
