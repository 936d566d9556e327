"""The AsyncAPI project's own parser, where this machine has Node."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rig.parts import ROOT
from tests.schemas.npm import installed

Parse = Callable[..., list[dict[str, Any]]]
WITHIN_S = 120.0


@pytest.fixture(scope="session")
def parse() -> Parse:
    """Return a function that parses AsyncAPI files: each one's ``errors`` (with warnings) and ``topics``."""
    target_folder = installed(ROOT / "tests" / "schemas" / "asyncapi")

    def parsed(*documents: Path) -> list[dict[str, Any]]:
        command = ["node", "check.js", *map(str, documents)]
        done = subprocess.run(  # noqa: S603 - the rig's own command
            command, cwd=target_folder, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return [json.loads(line) for line in done.stdout.splitlines()]

    return parsed
