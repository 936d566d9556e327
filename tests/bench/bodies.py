"""Notifications to post, made of the sample pairs: every type, the legacy format, any size.

Texts in which ``@`` stands where each one differs, as `tests.bench.load` takes them.
"""

import itertools
import json
import random
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bridge.core.catalogue import EVENT_TYPES
from tests.bench.load import ONE_TYPE
from tests.rig.parts import ROOT

EXAMPLES = ROOT / "schemas" / "examples"

SMALL, MIDDLE, LARGE, HUGE = 700, 7_000, 100_000, 1_000_000
# How many of a thousand callbacks are of which size: few tasks have many outputs.
PROPORTIONS = {SMALL: 700, MIDDLE: 270, LARGE: 29, HUGE: 1}

# The siblings of a 3.0 callback in the order of the vendor's samples, then those that came later.
SIBLINGS = (
    "FileUploadEvent",
    "ProcedureStateChangeEvent",
    "FileDeleteEvent",
    "PullCompleteEvent",
    "EditMediaCompleteEvent",
    "WechatPublishCompleteEvent",
    "TranscodeCompleteEvent",
    "ConcatCompleteEvent",
    "ClipCompleteEvent",
    "CreateImageSpriteCompleteEvent",
    "SnapshotByTimeOffsetCompleteEvent",
    "ComposeMediaCompleteEvent",
    "SplitMediaCompleteEvent",
    "WechatMiniProgramPublishCompleteEvent",
    "RemoveWatermarkCompleteEvent",
    "RestoreMediaCompleteEvent",
    "RebuildMediaCompleteEvent",
    "ReviewAudioVideoCompleteEvent",
)
# How many lengths the bodies of one case have, a byte apart.
LENGTHS = 600

_GROWING = ("SessionContext", "Message", "Url", "Name", "Description")
_MARKED = "\ue000"

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
    left = size - _length(marked(body, payload))
    for output in itertools.cycle(outputs):
        needed = len(_write(output).encode()) + 1
        if needed > left:
            break
        left -= needed
        payload["MediaProcessResultSet"].append(output)
    payload["SessionContext"] = "x" * left
    return marked(body, payload)


def as_documented(body: str, lengths: int = 1) -> Iterator[str]:
    """Give a text in so many lengths, in the form that the vendor documents: every other sibling is null.

    A text of the payload grows by up to `LENGTHS` bytes; one that has none to grow stays as it is.
    """
    found: dict[str, Any] = json.loads(body.replace("@", _MARKED))
    name = next(name for name, part in found.items() if isinstance(part, dict))
    siblings = dict.fromkeys(SIBLINGS if name in SIBLINGS else (*SIBLINGS[:10], name, *SIBLINGS[10:]))
    whole = {"EventType": found["EventType"]} | siblings | {name: found[name]}
    texts = _texts_to_grow(found[name])
    for turn in range(lengths):
        padded = turn * LENGTHS // lengths
        for parent, key, value in texts[:1]:
            parent[key] = value + "x" * padded
        yield _write(whole).replace("@", "\\u0040").replace(_MARKED, "@")


def of_documented_form() -> tuple[str, ...]:
    """Give one type in 600 lengths, shuffled, the same each time."""
    bodies = list(as_documented(ONE_TYPE, LENGTHS))
    random.Random(8).shuffle(bodies)  # noqa: S311 - as above
    return tuple(bodies)


def of_every_type_as_documented() -> tuple[str, ...]:
    """Give every type in turn, each in as many lengths as make 600 bodies."""
    lengths = -(-LENGTHS // len(EVENT_TYPES))
    by_type = [list(as_documented(body, lengths)) for body in of_every_type().values()]
    return tuple(body for turn in zip(*by_type, strict=True) for body in turn)


def _texts_to_grow(part: object) -> list[tuple[Any, Any, str]]:
    """Find the texts of a payload that may have any length: contexts and messages first, then addresses."""
    found: list[tuple[Any, Any, str]] = []
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(part, dict):
        items = part.items()
    elif isinstance(part, list):
        items = enumerate(part)
    for key, value in items:
        if isinstance(value, str) and _MARKED not in value and str(key).endswith(_GROWING):
            found.append((part, key, value))
        else:
            found += _texts_to_grow(value)
    return sorted(
        found, key=lambda each: next(n for n, name in enumerate(_GROWING) if each[1].endswith(name))
    )


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
