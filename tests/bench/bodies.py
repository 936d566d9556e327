"""Notifications to post, made of the sample pairs: every type, the legacy format, any size.

Texts in which ``@`` stands where each one differs, as `tests.bench.load` takes them.
"""

import itertools
import json
import random
from functools import cache
from pathlib import Path
from typing import Any

from bridge.core.catalogue import EVENT_TYPES
from tests.rig.parts import ROOT

EXAMPLES = ROOT / "schemas" / "examples"

SMALL, MIDDLE, LARGE, HUGE = 700, 7_000, 100_000, 1_000_000
# How many of a thousand callbacks are of which size: few tasks have many outputs.
PROPORTIONS = {SMALL: 700, MIDDLE: 270, LARGE: 29, HUGE: 1}

# What names the occurrence, in the order in which the bridge looks; the last two are the legacy format's.
_NAMES = ("TaskId", "CastId", "FileId", "FileIdSet", "vodTaskId", "fileId")
_HERE = "\0"


def of_every_type() -> dict[str, str]:
    """Give one 3.0 notification for each type of the catalogue, by type."""
    return {row.name: _first(row.name) for row in EVENT_TYPES}


@cache
def _first(event_type: str) -> str:
    """Take the type's first sample that conforms, else its first."""
    files = sorted((EXAMPLES / event_type).glob("*.in.json"), key=lambda file: (not _conforms(file), file))
    return next(
        marked(body, payload)
        for body in map(_read, files)
        if body.get("EventType") == event_type and (payload := _payload(body)) is not None
    )


def of_legacy() -> tuple[str, ...]:
    """Give the legacy samples of which one can tell which is which."""
    bodies = [_read(file) for file in sorted(EXAMPLES.glob("*/legacy-*.in.json"))]
    return tuple(
        marked(body, body["data"]) for body in bodies if any(name in body["data"] for name in _NAMES)
    )


@cache
def of_size(size: int) -> str:
    """Give a ProcedureStateChanged of so many bytes: a task with as many outputs as fit."""
    body = _read(EXAMPLES / "ProcedureStateChanged" / "push-01.in.json")
    payload = _payload(body)
    if payload is None:
        raise LookupError("the sample has no payload")
    outputs = sorted(payload["MediaProcessResultSet"], key=lambda output: len(_write(output)))
    kept = ("TaskId", "Status", "FileId", "FileName", "FileUrl")
    for name in set(payload) - set(kept):
        del payload[name]
    payload |= {"MediaProcessResultSet": [], "SessionContext": ""}
    room = size - _length(marked(body, payload))
    for output in itertools.cycle(outputs):
        needed = len(_write(output).encode()) + 1
        if needed > room:
            break
        room -= needed
        payload["MediaProcessResultSet"].append(output)
    payload["SessionContext"] = "x" * room
    return marked(body, payload)


def mix() -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Give texts of four sizes, and whose turn it is: in `PROPORTIONS`, shuffled, the same each time."""
    order = [index for index, share in enumerate(PROPORTIONS.values()) for _ in range(share)]
    random.Random(8).shuffle(order)  # noqa: S311 - no secret, and it shall be the same again
    return tuple(of_size(size) for size in PROPORTIONS), tuple(order)


def marked(body: dict[str, Any], payload: dict[str, Any]) -> str:
    """Write the body with ``@`` in place of what names the occurrence in its ``payload``."""
    name = next(name for name in _NAMES if payload.get(name))
    payload[name] = [_HERE] if isinstance(payload[name], list) else _HERE
    text = _write(body)
    if "]==]" in text:
        raise ValueError("a text that Lua would end early")
    return text.replace("@", "\\u0040").replace("\\u0000", "@")


def _length(text: str) -> int:
    """Count the bytes it will have: the mark is longer than its ``@``."""
    return len(text.encode()) + len("bx00000000-1234567x") - 1


def _write(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _read(file: Path) -> dict[str, Any]:
    found = json.loads(file.read_bytes())
    return found if isinstance(found, dict) else {}


def _payload(body: dict[str, Any]) -> dict[str, Any] | None:
    parts = [part for part in body.values() if isinstance(part, dict)]
    return parts[0] if len(parts) == 1 else None


def _conforms(file: Path) -> bool:
    expected = json.loads(file.with_name(file.name.replace(".in.", ".out.")).read_bytes())
    return bool(expected.get("conformance") == "conforming")
