"""JSON without secrets. They are masked before it is encoded: a secret may be a member's name, or digits."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import fields

from bridge.core.printable import json_escaped
from bridge.observability.masking import MASK, Mask


def masked_json(answer: object, mask: Mask) -> bytes:
    """Return an answer as JSON, without secrets, control characters escaped."""
    text = json_escaped(msgspec.json.encode(answer).decode())
    if mask(text) == text:  # nearly always
        return text.encode()
    return json_escaped(msgspec.json.encode(_masked(answer, mask)).decode()).encode()


def _masked(value: Any, mask: Mask) -> Any:  # noqa: ANN401 - whatever JSON can be made of
    """Return ``value`` masked; the names and the numbers of our own structs stay."""
    if isinstance(value, Raw):
        value = msgspec.json.decode(value)
    if isinstance(value, Struct):
        plain = msgspec.json.decode(msgspec.json.encode(value))  # without the defaults that are left out
        members = {one.encode_name: getattr(value, one.name) for one in fields(value)}
        return {
            name: one if isinstance(one, int | float) else _masked(one, mask)
            for name, one in members.items()
            if name in plain
        }
    if isinstance(value, Mapping):
        return {mask(str(name)): _masked(one, mask) for name, one in value.items()}
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(one, mask) for one in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if mask(str(value)) == str(value) else MASK
    return value
