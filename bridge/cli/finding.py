"""What a check found: one line, and what to do about it."""

from typing import Literal

from msgspec import Struct
from rich.text import Text

State = Literal["ok", "warning", "failed"]
_PAINT = {"ok": "green", "warning": "yellow", "failed": "bold red"}


class Finding(Struct, frozen=True):
    """One check's result; ``todo`` is empty where there is nothing to do."""

    state: State
    check: str
    what: str
    todo: str = ""

    def line(self) -> Text:
        """Draw it."""
        text = Text.assemble((f"{self.state:<8}", _PAINT[self.state]), f"{self.check}: {self.what}")
        if self.todo:
            text.append(f" - {self.todo}", "bold")
        return text


def ok(check: str, what: str) -> Finding:
    """Say that there is nothing to do."""
    return Finding("ok", check, what)


def warning(check: str, what: str, todo: str) -> Finding:
    """Say that it works, and may not be what was meant."""
    return Finding("warning", check, what, todo)


def failed(check: str, what: str, todo: str) -> Finding:
    """Say that it does not work."""
    return Finding("failed", check, what, todo)
