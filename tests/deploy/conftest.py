"""What the chart's tests may ask for: the tools of `make tools`, and the schemas of all kinds it may render.

Without them a test is skipped, or fails where BRIDGE_TEST_REQUIRE names ``chart`` (see `tests.conftest`).
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.chart_schemas import write_schemas
from tests.rig.tools import crds, tool


@pytest.fixture
def tools() -> Callable[[str], Path]:
    """Give the tool of that name."""
    return tool


@pytest.fixture
def helm(tools: Callable[[str], Path]) -> Path:
    """Give helm."""
    return tools("helm")


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the schema of every kind, as kubeconform wants them."""
    kinds = crds()
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas(folder, kinds)
    return folder
