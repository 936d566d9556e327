"""Check of the spool's folder: it can be made, entered, written and has room. Leaves nothing behind."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bridge.cli.finding import Finding, failed, ok, warning
from bridge.settings.sections import SpoolSettings

_TODO = "give this user the right to it, or set BRIDGE_SPOOL__PATH to another folder"


def check_spool(spool: SpoolSettings) -> Finding:
    """Check what `spool.path` names, or where that is not there yet, the folder in which it will be made."""
    if not spool.max_bytes:
        return warning(
            "spool",
            "there is none: what Kafka does not take is held, and lost after the vendor's third send",
            "set BRIDGE_SPOOL__MAX_BYTES and give it a volume",
        )
    folder = Path(spool.path).absolute()
    try:
        nearest = _nearest(folder)
        _try_to_write(nearest)
        free = shutil.disk_usage(nearest).free
        locked = next(_not_ours(folder), None) if nearest == folder else None
    except OSError as error:
        return failed("spool", f"{folder} cannot be written: {_where(error, folder)}", _TODO)
    if locked is not None:
        return failed("spool", f"{locked} belongs to another user and cannot be read and written", _TODO)
    wanted = spool.max_bytes + spool.free_min_bytes
    if free < wanted:
        what = f"the volume of {folder} has {free} bytes free, {wanted} may be wanted"
        return warning("spool", what, "a larger volume, or a smaller BRIDGE_SPOOL__MAX_BYTES")
    return ok("spool", f"{folder} can be written, and has room")


def _nearest(folder: Path) -> Path:
    """Give the folder, or the nearest one above it that is there. Raises OSError where none may be seen."""
    for place in (folder, *folder.parents):
        try:
            place.stat()
        except FileNotFoundError:
            continue
        return place
    raise FileNotFoundError(folder)


def _try_to_write(folder: Path) -> None:
    """Raise OSError where nothing can be put there; the file that is tried has no name, or none for long."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        # Named for the folder: the file's own name was made up.
        raise OSError(error.errno, os.strerror(error.errno or 0), str(folder)) from None


def _not_ours(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.iterdir()):
        if not os.access(file, os.R_OK | os.W_OK):
            yield file


def _where(error: OSError, folder: Path) -> str:
    """Give the reason, and the place where that is above the folder."""
    why = (error.strerror or str(error)).lower()
    return why if error.filename in (None, str(folder)) else f"{why} (in {error.filename})"
