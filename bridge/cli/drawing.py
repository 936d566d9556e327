"""How an event looks to a person: one line each, in colour where that is a terminal.

What a record says is read from its headers and its canonical value; nothing here connects to anything.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, Struct
from rich.text import Text

from bridge.cli import terminal
from bridge.core.event import Failure
from bridge.core.plural import counted
from bridge.core.printable import json_escaped

Paint = Literal["green", "red", "yellow", "cyan", "magenta", "dim", "bold"]

OUTCOMES: Mapping[str, Paint] = {
    "succeeded": "green",
    "failed": "red",
    "partial": "yellow",
    "in_progress": "cyan",
    "unknown": "dim",
}
_ENDINGS: Mapping[str, Paint] = {
    "published": "green",
    "duplicate": "cyan",
    "spooled": "yellow",
    "rejected": "red",
    "unauthorized": "red",
    "deferred": "red",
}
_NO_VALUE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)  # what reading any bytes may raise
_ERRORS_SHOWN = 3
_BRIEF = 100  # characters of an object that still fit a line


class _Error(Struct):
    path: str = ""
    code: int | str = ""
    code_ext: str = ""
    message: str = ""


class _Canonical(Struct):
    id: str = ""
    type: str = ""
    app: str = ""
    time: str = ""
    outcome: str = ""
    task_id: str = ""
    file_id: str = ""
    errors: Sequence[_Error] = ()
    errors_truncated: int = 0
    conformance: str = ""


class Seen(Struct, frozen=True, kw_only=True):
    """One record as a consumer sees it. ``reason`` is there for dead letters alone."""

    topic: str
    partition: int = 0
    offset: int = 0
    key: bytes = b""
    headers: Mapping[str, str]
    value: bytes

    @property
    def reason(self) -> str:
        """Why the bytes are on the dead-letter topic; empty for an event."""
        return "" if "ce_id" in self.headers else self.headers.get("reason", "")

    @property
    def outcome(self) -> str:
        """The event's outcome; of a dead letter ``rejected``."""
        return self.headers.get("ce_outcome", "") if "ce_id" in self.headers else "rejected"

    @property
    def app(self) -> str:
        """The application: of a dead letter by its header, of an event by its source."""
        return self.headers.get("app") or self.headers.get("ce_source", "").removeprefix("/vod/")

    @property
    def type(self) -> str:
        """The event's type; empty for a dead letter."""
        return self.headers.get("ce_type", "").removeprefix("com.tencentcloud.vod.")


class _Line(Struct):
    topic: str
    partition: int
    offset: int
    key: str
    headers: Mapping[str, str]
    value: msgspec.Raw | str


def event_line(seen: Seen, *, dated: bool = False) -> Text:
    """Draw one record: time (``dated``: with its day), type, application, outcome, file or task, errors."""
    if seen.reason or "ce_id" not in seen.headers:
        return _dead_letter_line(seen, dated=dated)
    try:
        event = msgspec.json.decode(seen.value, type=_Canonical)
    except _NO_VALUE:
        return Text.assemble((plain(seen.topic), "red"), " a value that is no event of this bridge")
    subject = " ".join(
        f"{word} {name}" for word, name in (("file", event.file_id), ("task", event.task_id)) if name
    )
    line = Text.assemble(
        (_clock(event.time, dated=dated), "dim"),
        "  ",
        (plain(event.type), "bold"),
        "  ",
        (plain(event.app), "magenta"),
        "  ",
        (plain(event.outcome), OUTCOMES.get(event.outcome, "dim")),
        "  ",
        plain(subject),
    )
    if event.conformance not in ("", "conforming"):
        line.append(f"  {plain(event.conformance)}", "yellow")
    for error in event.errors[:_ERRORS_SHOWN]:
        line.append(f"  {plain(error_text(error))}", "red")
    more = len(event.errors) - _ERRORS_SHOWN + event.errors_truncated
    if more > 0:
        line.append(f"  and {more} more", "red")
    return line


def event_lines(seen: Seen) -> Text:
    """Draw one record as it stands: topic, key, each member of the value; of an object its keys alone."""
    text = Text.assemble(
        (plain(seen.topic), "blue"), "  key ", (plain(seen.key.decode("utf-8", "replace")), "bold")
    )
    try:
        members = msgspec.json.decode(seen.value, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        for name, value in seen.headers.items():
            text.append(f"\n  {plain(name)}: ", "cyan").append(plain(value))
        return text.append("\n  value: ", "cyan").append(
            f"the {counted(len(seen.value), 'byte')} as they came"
        )
    for name, raw in members.items():
        text.append(f"\n  {plain(name)}: ", "cyan").append(plain(_brief(raw)))
    return text


def answer_line(status: int, body: bytes) -> Text:
    """Draw one answer of the door: status, ending, id and topic or the reason."""
    try:
        said = msgspec.json.decode(body, type=dict[str, str])
    except msgspec.MsgspecError:
        said = {}
    ending = said.get("outcome", "")
    line = Text.assemble((f"{status} {plain(ending) or 'refused'}", _ENDINGS.get(ending, "red")))
    for name in ("event_id", "topic", "reason", "detail", "error"):
        if said.get(name):
            line.append(f"  {plain(said[name])}", "bold" if name == "event_id" else "")
    return line


def json_line(seen: Seen) -> str:
    """One record as one line of JSON: the value as it stands where that is JSON, else as text."""
    value: msgspec.Raw | str
    try:
        msgspec.json.decode(seen.value)
        value = msgspec.Raw(seen.value)
    except _NO_VALUE:
        value = seen.value.decode("utf-8", "replace")
    if isinstance(value, msgspec.Raw) and (b"\n" in seen.value or b"\r" in seen.value):
        value = msgspec.Raw(msgspec.json.format(seen.value, indent=-1))
    line = _Line(
        topic=seen.topic,
        partition=seen.partition,
        offset=seen.offset,
        key=seen.key.decode("utf-8", "replace"),
        headers=seen.headers,
        value=value,
    )
    return json_escaped(msgspec.json.encode(line).decode())


def error_text(error: _Error | Failure, own: str = "") -> str:
    """Spell one failure: where it is (``own`` for the payload itself), its codes, its message."""
    words = (error.path or own, error.code, error.code_ext, error.message)
    return " ".join(str(word) for word in words if word is not UNSET and word != "")


def plain(text: str) -> str:
    """Take control characters and secrets out: what a sender wrote must not steer a terminal."""
    return terminal.plain(text)


def _dead_letter_line(seen: Seen, *, dated: bool) -> Text:
    said = seen.headers
    return Text.assemble(
        (_clock(said.get("received_at", ""), dated=dated), "dim"),
        "  ",
        ("dead letter", "bold red"),
        "  ",
        (plain(seen.app), "magenta"),
        "  ",
        (plain(seen.reason or "no reason given"), "red"),
        f"  {plain(said.get('detail', ''))}  {counted(len(seen.value), 'byte')} kept",
    )


def _brief(raw: msgspec.Raw) -> str:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError):  # JSON that no machine number or stack can hold
        return bytes(raw[:_BRIEF]).decode("utf-8", "replace") + "…"
    if isinstance(value, dict) and len(raw) > _BRIEF:
        return f"{{ {', '.join(value)} }}"
    return msgspec.json.encode(value).decode()


def _clock(time: str, *, dated: bool) -> str:
    day = f"{plain(time[:10]) or '----------'} " if dated else ""
    return day + (plain(time[11:23]) or "--:--:--.---")
