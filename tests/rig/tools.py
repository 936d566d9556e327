"""The programs that check the chart, as `make tools` builds them, and how they are run."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from tests.rig.parts import ROOT, MissingPartError

TOOLS = ROOT / ".tools"
_WITHIN_S = 300.0


class ProcessResult(Struct, frozen=True, kw_only=True):
    """How a program ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def output(self) -> str:
        """All of it."""
        return self.out + self.err


def tool(name: str) -> Path:
    """Give the program ``name``; raises `Missing` where it was not built."""
    path = TOOLS / "bin" / name
    if not path.exists():
        raise MissingPartError("chart", f"no {name}: make tools")
    return path


def crds() -> list[Path]:
    """Give the files of kinds that operators bring; raises `MissingPartError` where one was not fetched."""
    found = sorted((TOOLS / "crds").glob("*.yaml"))
    for kinds in ("monitoring.coreos.com_", "gateway.networking.k8s.io_", "keda.sh_"):
        if not [file for file in found if file.name.startswith(kinds)]:
            raise MissingPartError("chart", f"no kinds of {kinds.rstrip('_')}: make tools")
    return found


def run(program: Path, *words: str, given: str = "", cwd: Path = ROOT) -> ProcessResult:
    """Run a program with ``given`` on its standard input."""
    return run_command([str(program), *words], given=given, cwd=cwd)


def run_command(command: Sequence[str], *, given: str = "", cwd: Path = ROOT) -> ProcessResult:
    """Run a command line, however it ends."""
    done = subprocess.run(  # noqa: S603 - the rig's own commands
        list(command), input=given, capture_output=True, text=True, timeout=_WITHIN_S, check=False, cwd=cwd
    )
    return ProcessResult(code=done.returncode, out=done.stdout, err=done.stderr)
