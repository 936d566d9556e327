# ruff: noqa: INP001 - a tool beside its data, no package
"""Builds vod-event-consumer from the bridge's own tree: `bridge.consumer`, and what it imports.

    pip wheel --no-deps deploy/event-consumer

The package is `vod_event_consumer`, so that it collides with nothing: imports of `bridge.consumer`,
`bridge.core` and `bridge.aiokafka_internals` are written as imports of it.
"""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
BRIDGE = HERE.parent.parent / "bridge"
TREE = HERE / "tree"
IN_AN_SDIST = (HERE / "PKG-INFO").is_file()  # which has the modules, and no bridge beside it
PACKAGE = TREE / "vod_event_consumer"
MOVED = re.compile(r"\bbridge\.(consumer|core|aiokafka_internals)\b")


def write_tree() -> None:
    """Copy the modules, each with its imports written anew."""
    shutil.rmtree(TREE, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(BRIDGE / "consumer", PACKAGE, ignore=ignore)
    shutil.copytree(BRIDGE / "core", PACKAGE / "core", ignore=ignore)
    shutil.copytree(BRIDGE / "samples", PACKAGE / "samples", ignore=ignore)
    for name in ("aiokafka_internals.py", "py.typed"):
        shutil.copy(BRIDGE / name, PACKAGE / name)
    for file in PACKAGE.rglob("*.py"):
        file.write_text(MOVED.sub(_moved, file.read_text(encoding="utf-8")), encoding="utf-8")


def _moved(found: re.Match[str]) -> str:
    return "vod_event_consumer" if found[1] == "consumer" else f"vod_event_consumer.{found[1]}"


def version() -> str:
    """Return the bridge's version."""
    file, pattern = BRIDGE / "__init__.py", r'^__version__ = "(.+)"'
    if IN_AN_SDIST:
        file, pattern = HERE / "PKG-INFO", r"^Version: (.+)"
    return re.findall(pattern, file.read_text(encoding="utf-8"), re.MULTILINE)[0]


if not IN_AN_SDIST:
    write_tree()
setup(
    version=version(),
    packages=find_packages(str(TREE)),
    package_dir={"": "tree"},
    package_data={"vod_event_consumer": ["py.typed", "samples/*", "samples/*/*"]},
)
