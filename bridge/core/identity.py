"""When two deliveries are the same event: ids built from the catalogue's columns (vod-domain §8).

Grammar: ``Type:subject:state#digest``; `core.claim` adds ``@ms`` for recurring types. No ids are stored here.
"""

import re
from functools import lru_cache
from typing import Any

from bridge.core.catalogue import UNKNOWN_TYPE, EventType
from bridge.core.decode.json_values import digest, id_text
from bridge.core.event import Identity

PART_MAX = 256

# The grammar's own characters, Redis' hash tag, and what breaks a log line.
_SPECIAL = re.compile(r"[:#@{}%\x00-\x1f\x7f]")
# The same as a translation table of bytes, which is faster: 0xFF, which UTF-8 never has, for each of them.
_SPECIAL_BYTES = bytes(0xFF if _SPECIAL.match(chr(byte)) else byte for byte in range(256))


def escape_part(plain: str) -> str:
    """Escape one part of an id: the grammar's characters percent-encoded, a long text as its digest."""
    if len(plain) > PART_MAX:
        return digest(plain.encode())
    encoded = plain.encode()
    if encoded.translate(_SPECIAL_BYTES) == encoded:
        return plain
    return _SPECIAL.sub(lambda found: f"%{ord(found[0]):02X}", plain)


# States are few short words, so a small cache holds them all; longer texts are not cached.
_cached_part = lru_cache(maxsize=256)(lambda plain: ":" + escape_part(plain))
_CACHED_PART_MAX = 64


def identify(name: str, row: EventType, subject: str, payload: Any, content: bytes) -> Identity:  # noqa: ANN401 - a struct or a dict
    """Return the identity of an event of type ``name``; ``subject``: its TaskId, FileId, CastId or empty."""
    content_digest = digest(content)
    # The catalogue's own names need no escape.
    escaped = name if row is not UNKNOWN_TYPE else escape_part(name)
    if row.no_subject or not subject:
        return Identity(f"{escaped}#{content_digest}", content_digest, True)  # noqa: FBT003 - recurring
    stem = f"{escaped}:{escape_part(subject)}"
    key = stem + _state_suffix(row, payload) if row.state_fields else stem
    if row.id_has_digest:
        key = f"{key}#{content_digest}"
    return Identity(key, content_digest, row.recurring, stem if row.latest_state_only else "")


def _state_suffix(row: EventType, payload: Any) -> str:  # noqa: ANN401 - a struct or a dict
    """Return ``:state`` for each state field. No Status means FINISH; an absent last state is left out."""
    escaped = ""
    for name in row.state_fields:
        state = payload.get(name) if type(payload) is dict else getattr(payload, name, None)
        if type(state) is not str:
            state = id_text(state)
        if not state and name == "Status" and row is not UNKNOWN_TYPE:
            state = "FINISH"
        escaped += _cached_part(state) if len(state) <= _CACHED_PART_MAX else ":" + escape_part(state)
    return escaped if state else escaped.rstrip(":")
