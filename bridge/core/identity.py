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


def part(plain: str) -> str:
    """Spell one part of an id: the grammar's characters percent-encoded, a long text as its digest."""
    if len(plain) > PART_MAX:
        return digest(plain.encode())
    if not _SPECIAL.search(plain):
        return plain
    return _SPECIAL.sub(lambda found: f"%{ord(found[0]):02X}", plain)


# Types and states are few words, so spelling each once is enough; what is no word is not worth keeping.
_word = lru_cache(maxsize=256)(part)
_WORD_MAX = 64


def _spelled(plain: str) -> str:
    return _word(plain) if len(plain) <= _WORD_MAX else part(plain)


def identify(name: str, row: Row, who: str, payload: Any, content: bytes) -> Identity:  # noqa: ANN401 - a struct or a dict
    """Name an event of type ``name``; ``who`` is empty where no id names the occurrence."""
    content_digest = digest(content)
    if row.anonymous or not who:
        return Identity(f"{_spelled(name)}#{content_digest}", content_digest, recurring=True)
    stem = f"{_spelled(name)}:{part(who)}"
    key = stem + _states(row, payload) if row.states else stem
    if row.by_digest:
        key = f"{key}#{content_digest}"
    return Identity(key, content_digest, recurring=row.recurring, latest_of=stem if row.toggles else "")


def _states(row: Row, payload: Any) -> str:  # noqa: ANN401 - a struct or a dict
    """Spell the states that tell occurrences apart: no Status is the end, a missing last one is left out."""
    spelled = ""
    for name in row.states:
        state = payload.get(name) if type(payload) is dict else getattr(payload, name, None)
        if type(state) is not str:
            state = text(state)
        if not state and name == "Status" and row is not OTHER:
            state = "FINISH"
        spelled += f":{_spelled(state)}"
    return spelled.rstrip(":")
