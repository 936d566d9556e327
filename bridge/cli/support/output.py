"""Standard output and standard error as any terminal, locale or pipe may have them."""

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

_EXIT_FAILED = 1


def configure_output() -> None:
    """Escape what an encoding cannot show; let a stream that was closed at the start take anything."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - to the end
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def exit_disk_full(error: OSError) -> NoReturn:
    """Say that the output could not be written, and end with 1."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())  # what is in the buffer would fail again at the end
    sys.stderr.write(f"error: the output cannot be written ({error.strerror}): make room where it goes\n")
    sys.exit(_EXIT_FAILED)
