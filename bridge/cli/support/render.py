"""Renders records for a terminal: one line each, in colour where supported.

Uses headers and the canonical value only; no I/O here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct
from rich.text import Text

from bridge.cli.support import terminal
from bridge.core.event import FailedResult
from bridge.core.plural import counted
from bridge.core.printable import json_escaped
from bridge.core.record import SOURCE_PREFIX, TYPE_PREFIX

Style = Literal["green", "red", "yellow", "cyan", "magenta", "dim", "bold"]

OUTCOME_STYLES: Mapping[str, Style] = {
    "succeeded": "green",
    "failed": "red",
    "partial": "yellow",
    "in_progress": "cyan",
    "unknown": "dim",
}
DELIVERY_STYLES: Mapping[str, Style] = {
    "published": "green",
    "duplicate": "cyan",
    "spooled": "yellow",
    "rejected": "red",
    "unauthorized": "red",
    "deferred": "red",
}
_DECODE_ERRORS = (
    msgspec.MsgspecError,
    UnicodeDecodeError,
    RecursionError,
)  # what decoding arbitrary bytes may raise
_ERRORS_SHOWN = 3
_ABBREVIATE_ABOVE = 100  # longest object that is shown in a line, in characters


class _EventError(Struct):
    path: str = ""
    code: int | str = ""
    code_ext: str = ""
    message: str = ""


class _EventSummary(Struct):
    id: str = ""
    type: str = ""
    app: str = ""
    time: str = ""
    outcome: str = ""
    task_id: str = ""
    file_id: str = ""
    errors: Sequence[_EventError] = ()
    errors_truncated: int = 0
    conformance: str = ""


class ShownRecord(Struct, frozen=True, kw_only=True):
    """One record as a consumer sees it. Only dead letters have a ``reason``."""

    topic: str
    partition: int = 0
    offset: int = 0
    key: bytes = b""
    headers: Mapping[str, str]
    value: bytes

    @property
    def reason(self) -> str:
        """Why it is a dead letter; empty for an event."""
        return "" if "ce_id" in self.headers else self.headers.get("reason", "")

    @property
    def outcome(self) -> str:
        """The event's outcome; ``rejected`` for a dead letter."""
        return self.headers.get("ce_outcome", "") if "ce_id" in self.headers else "rejected"

    @property
    def app(self) -> str:
        """The application: of a dead letter by its header, of an event by its source."""
        return self.headers.get("app") or self.headers.get("ce_source", "").removeprefix(SOURCE_PREFIX)

    @property
    def type(self) -> str:
        """The event's type; empty for a dead letter."""
        return self.headers.get("ce_type", "").removeprefix(TYPE_PREFIX)


class _RecordJson(Struct):
    topic: str
    partition: int
    offset: int
    key: str
    headers: Mapping[str, str]
    value: msgspec.Raw | str


def render_line(record: ShownRecord, *, with_date: bool = False) -> Text:
    """Render in one line: time (``with_date``: and date), type, application, outcome, subject, errors."""
    if record.reason or "ce_id" not in record.headers:
        return _render_dead_letter(record, with_date=with_date)
    try:
        event = msgspec.json.decode(record.value, type=_EventSummary)
    except _DECODE_ERRORS:
        return Text.assemble((safe_text(record.topic), "red"), " a value that is no event of this bridge")
    subject = " ".join(
        f"{word} {name}" for word, name in (("file", event.file_id), ("task", event.task_id)) if name
    )
    line = Text.assemble(
        (_time_of_day(event.time, with_date=with_date), "dim"),
        "  ",
        (safe_text(event.type), "bold"),
        "  ",
        (safe_text(event.app), "magenta"),
        "  ",
        (safe_text(event.outcome), OUTCOME_STYLES.get(event.outcome, "dim")),
        "  ",
        safe_text(subject),
    )
    if event.conformance not in ("", "conforming"):
        line.append(f"  {safe_text(event.conformance)}", "yellow")
    for error in event.errors[:_ERRORS_SHOWN]:
        line.append(f"  {safe_text(render_failure(error))}", "red")
    hidden = len(event.errors) - _ERRORS_SHOWN + event.errors_truncated
    if hidden > 0:
        line.append(f"  and {hidden} more", "red")
    return line


def render_full(record: ShownRecord) -> Text:
    """Render a record in full: topic, key, each member of the value; of an object only its keys."""
    text = Text.assemble(
        (safe_text(record.topic), "blue"),
        "  key ",
        (safe_text(record.key.decode("utf-8", "replace")), "bold"),
    )
    try:
        members = msgspec.json.decode(record.value, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        for name, value in record.headers.items():
            text.append(f"\n  {safe_text(name)}: ", "cyan").append(safe_text(value))
        return text.append("\n  value: ", "cyan").append(
            f"the {counted(len(record.value), 'byte')} as they came"
        )
    for name, raw in members.items():
        text.append(f"\n  {safe_text(name)}: ", "cyan").append(safe_text(_abbreviate(raw)))
    return text


def render_response(status: int, body: bytes) -> Text:
    """Render a response of the ingress: status, outcome, id and topic or the reason."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, str])
    except msgspec.MsgspecError:
        fields = {}
    delivery_outcome = fields.get("outcome", "")
    line = Text.assemble(
        (
            f"{status} {safe_text(delivery_outcome) or 'refused'}",
            DELIVERY_STYLES.get(delivery_outcome, "red"),
        )
    )
    for name in ("event_id", "topic", "reason", "detail", "error"):
        if fields.get(name):
            line.append(f"  {safe_text(fields[name])}", "bold" if name == "event_id" else "")
    return line


def render_json(record: ShownRecord) -> str:
    """Render as one line of JSON: the value as it is where that is JSON, else as text."""
    value: msgspec.Raw | str
    try:
        msgspec.json.decode(record.value)
        value = msgspec.Raw(record.value)
    except _DECODE_ERRORS:
        value = record.value.decode("utf-8", "replace")
    line = _RecordJson(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key.decode("utf-8", "replace"),
        headers=record.headers,
        value=value,
    )
    return json_line(line)


def json_line(value: Any) -> str:  # noqa: ANN401 - anything that is JSON
    """Write JSON on one line, without control characters; JSON text in it may stand on several."""
    text = msgspec.json.encode(value)
    if b"\n" in text or b"\r" in text:
        text = msgspec.json.format(text, indent=-1)
    return json_escaped(text.decode())


def render_failure(error: _EventError | FailedResult, payload_label: str = "") -> str:
    """Render one failure: its path (``payload_label`` for the payload itself), codes, message."""
    parts = (error.path or payload_label, error.code, error.code_ext, error.message)
    return " ".join(str(word) for word in parts if word is not UNSET and word != "")


def safe_text(text: str) -> str:
    """Remove control characters and secrets: a sender's text must not control a terminal."""
    return terminal.safe_text(text)


def _render_dead_letter(record: ShownRecord, *, with_date: bool) -> Text:
    fields = record.headers
    return Text.assemble(
        (_time_of_day(fields.get("received_at", ""), with_date=with_date), "dim"),
        "  ",
        ("dead letter", "bold red"),
        "  ",
        (safe_text(record.app), "magenta"),
        "  ",
        (safe_text(record.reason or "no reason given"), "red"),
        f"  {safe_text(fields.get('detail', ''))}  {counted(len(record.value), 'byte')} kept",
    )


def _abbreviate(raw: msgspec.Raw) -> str:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError):  # JSON beyond the limits of numbers or recursion
        return bytes(raw[:_ABBREVIATE_ABOVE]).decode("utf-8", "replace") + "…"
    if isinstance(value, dict) and len(raw) > _ABBREVIATE_ABOVE:
        return f"{{ {', '.join(value)} }}"
    return msgspec.json.encode(value).decode()


def _time_of_day(time: str, *, with_date: bool) -> str:
    day = f"{safe_text(time[:10]) or '----------'} " if with_date else ""
    return day + (safe_text(time[11:23]) or "--:--:--.---")
