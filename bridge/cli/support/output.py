"""Standard output and standard error with any terminal, locale or pipe."""

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

_EXIT_FAILED = 1


def configure_output() -> None:
    """Escape what the encoding cannot represent; replace a stream that was closed at the start."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - to the end
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def exit_disk_full(error: OSError) -> NoReturn:
    """Report that the output could not be written, and exit with 1."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())  # flushing the buffer would fail again at exit
    sys.stderr.write(f"error: the output cannot be written ({error.strerror}): make room where it goes\n")
    sys.exit(_EXIT_FAILED)
