"""The AsyncAPI project's own parser, where this machine has Node; schema registries."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.parts import ROOT
from tests.rig.schema_registry import FakeRegistry, RealRegistry, running
from tests.schemas.npm import installed
from tests.schemas.registry import Registry

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


@pytest.fixture(scope="session")
def apicurio() -> Iterator[RealRegistry]:
    """Start a real registry, once for all files."""
    registry = RealRegistry()
    registry.start()
    yield registry
    registry.remove()


@pytest.fixture(
    params=[
        "fake",
        pytest.param("apicurio", marks=[pytest.mark.services, pytest.mark.xdist_group("registry")]),
    ]
)
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    """Give the fake, then the real one."""
    if request.param == "apicurio":
        yield Registry(request.getfixturevalue("apicurio").url)
        return
    with running(FakeRegistry()) as fake:
        yield Registry(fake.url)


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    """Give the fake alone."""
    with running(FakeRegistry()) as served:
        yield served
