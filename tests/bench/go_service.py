"""Builds the Go service of `peers/go`; where this machine cannot, it gives the reason."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.rig.parts import ROOT, MissingPartError, cache_folder, locked

SOURCES = Path(__file__).parent / "peers" / "go"
_BUILD_TIMEOUT_S = 600


@cache
def build_service() -> Path:
    """Give the program, built anew where something changed; `MissingPartError` where that is impossible."""
    go = _go_command()
    program = cache_folder() / "bench-go-service"
    # Go's own cache makes a build of unchanged sources a matter of milliseconds.
    with locked("bench-go-service"):
        done = subprocess.run(  # noqa: S603 - the bench's own command
            [go, "build", "-trimpath", "-buildvcs=false", "-o", str(program), "."],
            cwd=SOURCES,
            env=os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": ""},
            capture_output=True,
            text=True,
            check=False,
            timeout=_BUILD_TIMEOUT_S,
        )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise MissingPartError("go", f"the Go service cannot be built: {reason}")
    return program


@cache
def go_is_missing() -> str:
    """Give why the Go service cannot take part; empty where it can."""
    try:
        build_service()
    except MissingPartError as missing:
        return str(missing)
    return ""


def go_version() -> str:
    """Give the version of Go, as ``go1.26.0``."""
    output = subprocess.run([_go_command(), "env", "GOVERSION"], capture_output=True, text=True, check=True)  # noqa: S603 - see above
    return output.stdout.strip()


def _go_command() -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), str(ROOT / ".tools" / "go" / "bin")])
    found = shutil.which("go", path=path)
    if found is None:
        raise MissingPartError("go", "no Go: install it, or make tools")
    return found
