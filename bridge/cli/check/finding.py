"""What a check found: one line, and what to do about it."""

from typing import Literal

from msgspec import Struct
from rich.text import Text

State = Literal["ok", "warning", "failed"]
_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


class Finding(Struct, frozen=True):
    """One check's result; ``todo`` is empty where there is nothing to do."""

    state: State
    check: str
    message: str
    remedy: str = ""

    def render(self) -> Text:
        """Draw it."""
        text = Text.assemble((f"{self.state:<8}", _STYLES[self.state]), f"{self.check}: {self.message}")
        if self.remedy:
            text.append(f" - {self.remedy}", "bold")
        return text


def ok(check: str, message: str) -> Finding:
    """Say that there is nothing to do."""
    return Finding("ok", check, message)


def warning(check: str, message: str, remedy: str) -> Finding:
    """Say that it works, and may not be what was meant."""
    return Finding("warning", check, message, remedy)


def failed(check: str, message: str, remedy: str) -> Finding:
    """Say that it does not work."""
    return Finding("failed", check, message, remedy)
