"""One result of a check: one line, and its remedy."""

from typing import Literal

from msgspec import Struct
from rich.text import Text

State = Literal["ok", "warning", "failed"]
_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


class Finding(Struct, frozen=True):
    """One check's result; ``remedy`` is empty where nothing is to be done."""

    state: State
    check: str
    message: str
    remedy: str = ""

    def render(self) -> Text:
        """Render it for a terminal."""
        text = Text.assemble((f"{self.state:<8}", _STYLES[self.state]), f"{self.check}: {self.message}")
        if self.remedy:
            text.append(f" - {self.remedy}", "bold")
        return text


def ok(check: str, message: str) -> Finding:
    """Build a finding without a problem."""
    return Finding("ok", check, message)


def warning(check: str, message: str, remedy: str) -> Finding:
    """Build a finding about something that works, but may be a mistake."""
    return Finding("warning", check, message, remedy)


def failed(check: str, message: str, remedy: str) -> Finding:
    """Build a finding about something that does not work."""
    return Finding("failed", check, message, remedy)
