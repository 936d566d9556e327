"""Where the programs of a cluster lie (`.tools/bin` of this tree, else PATH), and how they are run."""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from tests.rig.parts import ROOT, MissingPartError
from tests.rig.tools import TOOLS

FOLDER = TOOLS / "bin"
SHOWN = 1500


class Output(Struct, frozen=True, kw_only=True):
    """How a command ended and what it wrote."""

    command: str
    code: int
    out: str
    err: str
    seconds: float

    @property
    def good(self) -> bool:
        """Whether it ended well."""
        return self.code == 0

    @property
    def warnings(self) -> list[str]:
        """What it was warned of, be it by kubectl's ``Warning:`` or by helm's log."""
        return [line for line in self.err.splitlines() if "warning" in line.lower()]

    @property
    def last(self) -> str:
        """The end of what it complained of, for a table."""
        return " ".join((self.err or self.out).split())[-SHOWN:]


class Refused(Exception):  # noqa: N818 - it says what happened
    """A command that had to end well did not."""


def binary(name: str) -> str:
    """Give the program's path; `MissingPartError` names how to get it."""
    built = FOLDER / name
    found = str(built) if built.is_file() else shutil.which(name)
    if found is None:
        raise MissingPartError(
            "kube", f"{name} is neither in {FOLDER} nor on PATH; `make tools-kube` builds what is needed"
        )
    return found


def run(
    command: Sequence[str],
    *,
    text: str = "",
    env: Mapping[str, str] | None = None,
    within_s: float = 300.0,
    must: bool = True,
) -> Output:
    """Run a command to its end (blocking). ``must``: `Refused` where it does not end well."""
    begun = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603 - the run's own commands
            list(command),
            input=text,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
            env={**os.environ, **(env or {})},
            cwd=ROOT,
        )
        code, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        code, out, err = -1, _text(late.stdout), f"{_text(late.stderr)} not within {within_s:.0f} s"
    line = " ".join([Path(command[0]).name, *command[1:]])
    said = Output(command=line, code=code, out=out, err=err, seconds=time.monotonic() - begun)
    if must and not said.good:
        raise Refused(f"{line[:300]} ended with {code}: {said.last}")
    return said


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def module_folder(module: str) -> Path:
    """Give the folder of a Go module's source, fetching it if need be."""
    go = shutil.which("go", path=os.pathsep.join([os.environ["PATH"], str(TOOLS / "go" / "bin")]))
    if go is None:
        raise MissingPartError("kube", f"go is not on PATH; it knows where {module} lies")
    said = run([go, "mod", "download", "-json", module], env={"GOFLAGS": "-mod=mod"}, within_s=600)
    line_of_dir = next(line for line in said.out.splitlines() if '"Dir"' in line)
    return Path(line_of_dir.split('"')[3])
