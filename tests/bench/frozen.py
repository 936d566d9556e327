"""The programs that the bridge is measured beside do not change: a ratio to them keeps its meaning.

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
    "peers/go/callback.go": "e69ce92cfc5dba97f6b1c4c385cfadf90e785700172d5573dd0f795f90a1b3c5",
    "peers/go/claim.go": "8469861842ca7c6b22a5a1cc0565bf926fe6afe15065dbdca7f716de45c627a0",
    "peers/go/go.mod": "72aad227c4db66629931e5afc36fa58fb58de9ef195ea4b2db029bdfe79ca7f5",
    "peers/go/go.sum": "7d7ac3a065fc62f615ca5e34e8eb6fd1f4699c979571a553a43a9768d1774769",
    "peers/go/main.go": "cc0408d70bf9181788b7dfb00d657fe09babffff7b75521aab060183f02ffd83",
    "peers/go/notification.go": "5cdbe10c90c1aa6685c30f08bd5abaef5e7ee01c83b59fc13566c34c8406fdb5",
    "peers/go/produce.go": "5fd7db1c16369df3c7ac721c8e05a0e57c747f947edac524d535992c3e50b769",
}


def refuse_changed(sums: Mapping[str, str] = SUMS, folder: Path = FOLDER) -> None:
    """Raise `MissingPartError` where a frozen file is not what it was."""
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
