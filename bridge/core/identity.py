"""When two deliveries are the same event: ids by the catalogue's columns, one grammar for all types.

``Type:who:state#digest``, and ``@ms`` for what may truly happen again. Who remembers ids is not told here.
"""

import re
from typing import Any

from bridge.core.catalogue import OTHER, Row
from bridge.core.content import digest, pick, text
from bridge.core.event import Identity

PART_MAX = 256

# The grammar's own characters, Redis' hash tag, and what breaks a log line.
_SPECIAL = re.compile(r"[:#@{}%\x00-\x1f\x7f]")


def part(plain: str) -> str:
    """Spell one part of an id: the grammar's characters percent-encoded, a long text as its digest."""
    if len(plain) > PART_MAX:
        return digest(plain.encode())
    return _SPECIAL.sub(lambda found: f"%{ord(found[0]):02X}", plain)


def identify(name: str, row: Row, who: str, payload: Any, content: bytes) -> Identity:  # noqa: ANN401 - a struct or a dict
    """Name an event of type ``name``; ``who`` is empty where no id names the occurrence."""
    content_digest = digest(content)
    if row.anonymous or not who:
        return Identity(key=f"{part(name)}#{content_digest}", digest=content_digest, recurring=True)
    stem = f"{part(name)}:{part(who)}"
    key = ":".join([stem, *_states(row, payload)])
    return Identity(
        key=f"{key}#{content_digest}" if row.by_digest else key,
        digest=content_digest,
        recurring=row.recurring,
        latest_of=stem if row.toggles else "",
    )


def _states(row: Row, payload: Any) -> list[str]:  # noqa: ANN401 - a struct or a dict
    """Take the states that tell occurrences apart: no Status means the end, a missing last one is left out."""
    states = [text(pick(payload, name)) for name in row.states]
    if row is not OTHER:
        states = [
            state or ("FINISH" if name == "Status" else "")
            for name, state in zip(row.states, states, strict=True)
        ]
    while states and not states[-1]:
        states.pop()
    return [part(state) for state in states]
