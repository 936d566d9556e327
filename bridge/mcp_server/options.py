"""What the command line allows. Here, so that it loads nothing else."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct


class ServerOptions(Struct, frozen=True, kw_only=True):
    """What the command line allows. ``folders`` are those whose files `explain` may read."""

    allow_write: bool = False
    show_payloads: bool = False
    folders: Sequence[Path] = ()
    admin_url: str = ""
