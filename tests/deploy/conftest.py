"""What the chart's tests may ask for: the tools of `make tools`, and the schemas of all kinds it may render.

Without them a test is skipped with one line that says so, or fails where BRIDGE_TEST_REQUIRE names ``chart``.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.deploy.chart_schemas import write_schemas
from tests.rig.parts import Missing
from tests.rig.tools import operator_crds, tool

Part = TypeVar("Part")


@pytest.fixture
def tools() -> Callable[[str], Path]:
    """Give the tool of that name."""

    def find(name: str) -> Path:
        return _there(lambda: tool(name))

    return find


@pytest.fixture
def helm(tools: Callable[[str], Path]) -> Path:
    """Give helm."""
    return tools("helm")


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the schema of every kind, as kubeconform wants them."""
    crds = _there(operator_crds)
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas(folder, crds)
    return folder


def _there(find: Callable[[], Part]) -> Part:
    try:
        return find()
    except Missing as missing:
        if "chart" in os.environ.get("BRIDGE_TEST_REQUIRE", "").split(","):
            pytest.fail(f"required by BRIDGE_TEST_REQUIRE: {missing}", pytrace=False)
        pytest.skip(str(missing))
