"""Standard output and standard error as any terminal, locale or pipe may have them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

_FAILED = 1


def set_up_output() -> None:
    """Escape what an encoding cannot show; let a stream that was closed at the start take anything."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - to the end
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def quiet_about_closed_output() -> Iterator[None]:
    """End with 1 and without a word where nobody reads the output any more, as in ``… | head -1``."""
    try:
        yield
    except BrokenPipeError:
        sys.exit(_FAILED)
    finally:
        _let_go_where_nobody_reads()


def _let_go_where_nobody_reads() -> None:
    """Write what is left now: at the interpreter's end a failure would be told, and change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
