"""Other releases to run beside this one: the next, simulated by edits to a copy of the code, and the last.

The next release does what contract 14 lets it do: it writes the next version and adds to what it writes.
"""

import os
import shutil
from pathlib import Path

from msgspec import Struct

from bridge import __version__
from tests.end_to_end.releases import unpack_commit, unpack_kept, version_in
from tests.rig.parts import ROOT

# Each text is once in its file, or there is no next release to be tested with.
_EDITS = {
    "__init__.py": [(f'"{__version__}"', f'"{__version__}-next"')],
    "io/spool/frames.py": [
        ("\nVERSION = 1\n", "\nVERSION = 2\n"),
        ("record.value, record.headers))", 'record.value, record.headers, {"added": "by the next"}))'),
    ],
    "io/dedup/dedup.lua": [
        (
            "'1c' .. received .. lease_ends .. token_and_fingerprint",
            "'2c' .. received .. lease_ends .. token_and_fingerprint .. ';added by the next'",
        ),
        ("'1d' .. first .. fingerprint", "'2d' .. first .. fingerprint .. ';added by the next'"),
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
    """Put the last release into ``folder``, as it is kept, or the commit or tag in BRIDGE_TEST_PREVIOUS."""
    name = os.environ.get("BRIDGE_TEST_PREVIOUS")
    if name:
        unpack_commit(name, folder)
    else:
        unpack_kept(folder)
    return _of(folder)


def this_release() -> Release:
    """Give the release that is here, to which others are rolled back."""
    return Release(version=__version__, settings={"PYTHONPATH": "", "PYTHONSAFEPATH": ""})


def _of(folder: Path) -> Release:
    # Without a safe path the working directory comes first, and with it this release.
    settings = {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}
    return Release(version=version_in(folder), settings=settings)
