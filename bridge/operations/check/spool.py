"""Checks of the spool's folder: it can be created, entered, written and has space. Leaves nothing behind."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bridge.operations.check.finding import Finding, failed, ok, warning
from bridge.settings.sections import SpoolSettings

_REMEDY = "give this user the right to it, or set BRIDGE_SPOOL__PATH to another folder"


def check_spool(spool: SpoolSettings) -> Finding:
    """Check the folder of `spool.path`, or the one in which it will be created."""
    if not spool.max_bytes:
        return warning(
            "spool",
            "there is none: what Kafka does not take is held, and lost after the vendor's third send",
            "set BRIDGE_SPOOL__MAX_BYTES and give it a volume",
        )
    folder = Path(spool.path).absolute()
    try:
        existing = _nearest_existing(folder)
        _probe_write(existing)
        free_bytes = shutil.disk_usage(existing).free
        inaccessible = next(_inaccessible_files(folder), None) if existing == folder else None
    except OSError as error:
        return failed("spool", f"{folder} cannot be written: {_describe_error(error, folder)}", _REMEDY)
    if inaccessible is not None:
        return failed(
            "spool", f"{inaccessible} belongs to another user and cannot be read and written", _REMEDY
        )
    required_bytes = spool.max_bytes + spool.free_min_bytes
    if free_bytes < required_bytes:
        message = f"the volume of {folder} has {free_bytes} bytes free, {required_bytes} may be wanted"
        return warning("spool", message, "a larger volume, or a smaller BRIDGE_SPOOL__MAX_BYTES")
    return ok("spool", f"{folder} can be written, and has room")


def _nearest_existing(folder: Path) -> Path:
    """Return the folder, or the nearest existing one above it. Raises OSError where none may be seen."""
    for candidate in (folder, *folder.parents):
        try:
            candidate.stat()
        except FileNotFoundError:
            continue
        return candidate
    raise FileNotFoundError(folder)


def _probe_write(folder: Path) -> None:
    """Raise OSError where no file can be created; the probe has no name, or only for a moment."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        # Named for the folder: the file's own name was generated.
        raise OSError(error.errno, os.strerror(error.errno or 0), str(folder)) from None


def _inaccessible_files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.iterdir()):
        if not os.access(file, os.R_OK | os.W_OK):
            yield file


def _describe_error(error: OSError, folder: Path) -> str:
    """Return the reason, and the path where that is above the folder."""
    reason = (error.strerror or str(error)).lower()
    return reason if error.filename in (None, str(folder)) else f"{reason} (in {error.filename})"
