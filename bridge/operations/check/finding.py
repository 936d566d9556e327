"""One result of a check: one line, and its remedy."""

from typing import Literal

from msgspec import Struct

State = Literal["ok", "warning", "failed"]


class Finding(Struct, frozen=True):
    """One check's result; ``remedy`` is empty where nothing is to be done."""

    state: State
    check: str
    message: str
    remedy: str = ""


def ok(check: str, message: str) -> Finding:
    """Build a finding without a problem."""
    return Finding("ok", check, message)


def warning(check: str, message: str, remedy: str) -> Finding:
    """Build a finding about something that works, but may be a mistake."""
    return Finding("warning", check, message, remedy)


def failed(check: str, message: str, remedy: str) -> Finding:
    """Build a finding about something that does not work."""
    return Finding("failed", check, message, remedy)
