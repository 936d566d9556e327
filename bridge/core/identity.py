"""When two deliveries are the same event: ids by the catalogue's columns, one grammar (§8).

``Type:who:state#digest``, and ``@ms`` for what may truly happen again. Who remembers ids is not told here.
"""

import re
from functools import lru_cache
from typing import Any

from bridge.core.catalogue import OTHER, Row
from bridge.core.content import digest, text
from bridge.core.event import Identity

PART_MAX = 256

# The grammar's own characters, Redis' hash tag, and what breaks a log line.
_SPECIAL = re.compile(r"[:#@{}%\x00-\x1f\x7f]")
# The same as a table of bytes, which is looked through sooner: it puts one that UTF-8 never has for each.
_MARKED = bytes(0xFF if _SPECIAL.match(chr(byte)) else byte for byte in range(256))


def part(plain: str) -> str:
    """Spell one part of an id: the grammar's characters percent-encoded, a long text as its digest."""
    if len(plain) > PART_MAX:
        return digest(plain.encode())
    written = plain.encode()
    if written.translate(_MARKED) == written:
        return plain
    return _SPECIAL.sub(lambda found: f"%{ord(found[0]):02X}", plain)


# States are few words, so spelling each once is enough; what is no word is not worth keeping.
_word = lru_cache(maxsize=256)(lambda plain: ":" + part(plain))
_WORD_MAX = 64


def identify(name: str, row: Row, who: str, payload: Any, content: bytes) -> Identity:  # noqa: ANN401 - a struct or a dict
    """Name an event of type ``name``; ``who`` is empty where no id names the occurrence."""
    content_digest = digest(content)
    spelled = name if row is not OTHER else part(name)  # the catalogue's own names are spelled as they are
    if row.anonymous or not who:
        return Identity(f"{spelled}#{content_digest}", content_digest, True)  # noqa: FBT003 - recurring
    stem = f"{spelled}:{part(who)}"
    key = stem + _states(row, payload) if row.states else stem
    if row.by_digest:
        key = f"{key}#{content_digest}"
    return Identity(key, content_digest, row.recurring, stem if row.toggles else "")


def _states(row: Row, payload: Any) -> str:  # noqa: ANN401 - a struct or a dict
    """Spell the states that tell occurrences apart: no Status is the end, a missing last one is left out."""
    spelled = ""
    for name in row.states:
        state = payload.get(name) if type(payload) is dict else getattr(payload, name, None)
        if type(state) is not str:
            state = text(state)
        if not state and name == "Status" and row is not OTHER:
            state = "FINISH"
        spelled += _word(state) if len(state) <= _WORD_MAX else ":" + part(state)
    return spelled if state else spelled.rstrip(":")
