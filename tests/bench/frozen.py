"""The two programs that the bridge is measured beside do not change: a ratio to them keeps its meaning.

Whoever must change one writes its new sum here, and measures everything anew.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from tests.rig.parts import MissingPartError

FOLDER = Path(__file__).parent
SUMS = {
    "bare.py": "d7c8d0e6231153cb3abbf965e7ce019a7f44fadd133c8616b7cdb7e78fd746ff",
    "naive.py": "1064f98269e53fa17eabef9e18808d1a1964a2e0e5a942bea8b9d11fe70575f8",
}


def refuse_changed(sums: Mapping[str, str] = SUMS, folder: Path = FOLDER) -> None:
    """Raise `Missing` where a frozen file is not what it was."""
    for name, wanted in sums.items():
        found = sum_of(folder / name)
        if found != wanted:
            raise MissingPartError(
                "bench",
                f"{name} is frozen and was changed (sha256 {found[:12]}, not {wanted[:12]}): "
                "put it back, or write its new sum into tests/bench/frozen.py and measure everything anew",
            )


def sum_of(file: Path) -> str:
    """Give the sha256 of a file, as hex digits."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
