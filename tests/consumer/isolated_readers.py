"""Processes that can import the bridge and what its extra ``consumer`` installs, and no other package."""

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.rig.parts import ROOT, Process

READER = ROOT / "tests" / "consumer" / "reader.py"


def link_extra(extra: str, folder: Path) -> Path:
    """Link what the extra of our distribution asks for, and what that asks for, into a folder."""
    for name in sorted(_closure(_required_names("vod-event-bridge", extra))):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if not file.parts[0].startswith("..")}:
            link = folder / top
            if not link.exists() and top != "__pycache__":
                link.symlink_to(Path(str(found.locate_file(top))))
    (folder / "bridge").symlink_to(ROOT / "bridge")
    return folder


def _closure(names: set[str]) -> set[str]:
    seen: set[str] = set()
    while unresolved := names - seen:
        seen |= unresolved
        names = {required for name in unresolved for required in _required_names(name, "")}
    return seen


def _required_names(name: str, extra: str) -> set[str]:
    return set(_requirements(distribution(name), extra))


def _requirements(dist: Distribution, extra: str) -> Iterator[str]:
    for line in dist.requires or ():
        marker = line.partition(";")[2]
        wanted = f'extra == "{extra}"' in marker.replace("'", '"') if extra else "extra ==" not in marker
        plain = re.match(r"[A-Za-z0-9._-]+", line)
        if wanted and plain:
            yield plain[0]


class ReadEvent(Struct, frozen=True, order=True):
    """One event that a reader had in its hands: when (ns, the same clock for all), its key, its number."""

    at_ns: int
    key: str
    number: int


class Readers:
    """Starts `reader.py` with only the packages in the folder; ``folder`` takes what they write."""

    def __init__(self, packages: Path, folder: Path) -> None:
        self._packages = packages
        self._folder = folder
        self._started: list[Process] = []

    def command(self, *words: str) -> list[str]:
        """Give the command for a Python that sees no package of this environment (-S) nor our folder (-P)."""
        return [sys.executable, "-S", "-P", *words]

    @property
    def env(self) -> dict[str, str]:
        """Give the environment in which it finds those packages."""
        return {"PYTHONPATH": str(self._packages)}

    def start(self, name: str, **task: Any) -> Process:  # noqa: ANN401 - whatever JSON holds
        """Start a reader; ``task`` as `reader.py` explains."""
        task |= {"seen": str(self._events_file(name)), "go": str(self._folder / "go")}
        process = Process(self.command(str(READER), json.dumps(task)), self._folder / f"{name}.log", self.env)
        self._started.append(process)
        return process

    def release(self) -> None:
        """Let those that wait in the middle of an event go on."""
        (self._folder / "go").touch()

    def events_read(self, name: str) -> list[ReadEvent]:
        """Give what a reader had in its hands so far."""
        file = self._events_file(name)
        text = file.read_text(encoding="ascii") if file.exists() else ""
        lines = [line.split() for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return [ReadEvent(int(at), key, int(number)) for at, key, number in lines]

    def kill(self) -> None:
        """End all of them."""
        for process in self._started:
            process.kill()

    def _events_file(self, name: str) -> Path:
        return self._folder / f"{name}.seen"
