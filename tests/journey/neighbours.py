"""Other releases to run beside this one: the next, simulated by edits to a copy of the code, and tagged ones.

The next release does what contract 14 lets it do: it writes the next version and adds to what it writes.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from msgspec import Struct

from bridge import __version__
from tests.rig.parts import ROOT, Missing

_VERSION = re.compile(r'__version__ = "(.+)"')

# Each text stands once in its file, or there is no next release to be tested with.
_EDITS = {
    "__init__.py": [(f'"{__version__}"', f'"{__version__}-next"')],
    "io/spool/frames.py": [
        ("\nVERSION = 1\n", "\nVERSION = 2\n"),
        ("record.value, record.headers))", 'record.value, record.headers, {"added": "by the next"}))'),
    ],
    "io/dedup/memory.lua": [
        (
            "'1c' .. received .. lease_ends .. who_and_mark",
            "'2c' .. received .. lease_ends .. who_and_mark .. ';added by the next'",
        ),
        ("'1d' .. first .. mark", "'2d' .. first .. mark .. ';added by the next'"),
    ],
}


class Release(Struct, frozen=True, kw_only=True):
    """A release: what it calls itself, and the settings by which a program is of it."""

    version: str
    settings: dict[str, str]


def next_release(folder: Path) -> Release:
    """Put the next release into ``folder``."""
    shutil.copytree(ROOT / "bridge", folder / "bridge", ignore=shutil.ignore_patterns("__pycache__"))
    for name, edits in _EDITS.items():
        file = folder / "bridge" / name
        text = file.read_text(encoding="utf-8")
        for old, new in edits:
            if text.count(old) != 1:
                raise AssertionError(f"{name} has {old!r} {text.count(old)} times")
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")
    return _of(folder)


def last_release(folder: Path) -> Release:
    """Put the last tagged release into ``folder``, or what BRIDGE_TEST_PREVIOUS names (a commit, a tag).

    `Missing` where there is none.
    """
    name = (
        os.environ.get("BRIDGE_TEST_PREVIOUS") or _git("describe", "--tags", "--abbrev=0", "HEAD~1").strip()
    )
    packed = folder / "release.tar"
    _git("archive", f"--output={packed}", name, "bridge")
    shutil.unpack_archive(packed, folder, filter="data")
    return _of(folder)


def this_release() -> Release:
    """Give the release that is here, to which others are rolled back."""
    return Release(version=__version__, settings={"PYTHONPATH": "", "PYTHONSAFEPATH": ""})


def _of(folder: Path) -> Release:
    found = _VERSION.search((folder / "bridge" / "__init__.py").read_text(encoding="utf-8"))
    # Without a safe path the working directory comes first, and with it this release.
    settings = {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}
    return Release(version=found[1] if found else "?", settings=settings)


def _git(*words: str) -> str:
    git = shutil.which("git")
    if git is None:
        raise Missing("no release to compare with: git is not on PATH")
    done = subprocess.run(  # noqa: S603 - the rig's own command
        [git, "-C", str(ROOT), *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Missing(f"no release before this one: {done.stderr.strip()}")
    return done.stdout
