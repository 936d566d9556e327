"""What a run found, one line a check: said as it happens, and once more as a table at the end."""

import sys
import time
from pathlib import Path

from msgspec import Struct, json
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 150


class Check(Struct, frozen=True, kw_only=True):
    """One sentence, whether it holds, and the figures that show it."""

    part: str
    what: str
    good: bool
    figures: str = ""


class Checks:
    """The checks of one part, in their order. Nothing here ends a run: a part goes on as far as it can."""

    def __init__(self, part: str) -> None:
        self.found: list[Check] = []
        self._part = part
        self._begun = time.monotonic()

    @property
    def good(self) -> bool:
        """Whether there are any, and all hold."""
        return bool(self.found) and all(check.good for check in self.found)

    def note(self, what: str, good: object, figures: str = "") -> bool:
        """Add one and say it; gives whether it holds."""
        check = Check(part=self._part, what=what, good=bool(good), figures=figures.strip())
        self.found.append(check)
        self.report(
            f"{'good' if check.good else 'NOT GOOD'}: {what}{f' ({check.figures})' if figures else ''}"
        )
        return check.good

    def report(self, what: str) -> None:
        """Write a line of progress."""
        sys.stdout.write(f"[{time.monotonic() - self._begun:5.0f} s] {self._part}: {what}\n")
        sys.stdout.flush()

    def write(self, path: Path) -> None:
        """Leave them for the process that began this part."""
        path.write_bytes(json.encode(self.found))


def read_checks(path: Path) -> list[Check]:
    """Read what `Checks.write` left; nothing where the part never came to it."""
    return json.decode(path.read_bytes(), type=list[Check]) if path.exists() else []


def draw(found: list[Check]) -> None:
    """Write the table."""
    console = Console()
    console.width = max(console.width, WIDTH)
    drawing = Table(box=SIMPLE)
    for column in ("part", "what", "", "figures"):
        drawing.add_column(column, overflow="fold")
    for check in found:
        verdict = Text("good", "green") if check.good else Text("NOT GOOD", "bold red")
        drawing.add_row(check.part, Text(check.what), verdict, Text(check.figures))
    console.print(drawing)
