"""Ends what we started and removes what we made where we are killed before we can: by a process beside us.

It reads from a pipe what there is, and that pipe ends with us, however we end. It knows processes by pid and
time of start, so that none is ended that has got the pid of another since; where a system has no ``/proc`` it
ends none. What a process has started ends with it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")
_GONE_WITHIN_S = 20.0
_PARENT, _START = 1, 19  # fields of a process's stat behind its name


class _Reaper:
    """The process and the pipe to it; begun when there is something to tell, once in each process of ours."""

    def __init__(self) -> None:
        self._pid = 0
        self._pipe = -1

    def send(self, kind: str, what: str) -> None:
        """Tell it of one thing; a line is short enough to arrive whole, whichever thread writes it."""
        if self._pid != os.getpid():  # a fork of ours has things of its own
            self._start()
        with contextlib.suppress(BrokenPipeError):  # somebody ended it
            os.write(self._pipe, f"{kind} {what}\n".encode())

    def _start(self) -> None:
        read, self._pipe = os.pipe()
        subprocess.Popen(  # noqa: S603 - this file
            [sys.executable, "-I", "-S", __file__],
            stdin=read,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(read)
        self._pid = os.getpid()


_REAPER = _Reaper()


def watch_process(pid: int) -> None:
    """Let this process end with us."""
    _REAPER.send("process", f"{pid} {_started(pid)}")


def watch_mount(folder: Path) -> None:
    """Let what is mounted there be unmounted when we end."""
    _REAPER.send("mount", str(folder))


def temporary_folder(prefix: str) -> Path:
    """Make a folder that goes with us, at the latest."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    _REAPER.send("folder", str(folder))
    return folder


def _stat(pid: int | str) -> list[str]:
    return _stat_in(_PROC / str(pid))


def _stat_in(folder: Path) -> list[str]:
    """Give what the system tells of a process or thread, behind its name; nothing where there is none."""
    try:
        text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def state_of(folder: Path) -> str:
    """Give the letter of the state of the process or thread of a folder of /proc, "" where it is gone."""
    return next(iter(_stat_in(folder)), "")


def is_running(pid: int) -> bool:
    """Tell whether a process runs: one that ended may still be listed, or go while it is looked at."""
    return state_of(_PROC / str(pid)) not in ("", "Z")


def _started(pid: int | str) -> str:
    stat = _stat(pid)
    return stat[_START] if stat else ""


def _with_descendants(pids: Iterable[int]) -> set[int]:
    parents = {
        int(one.name): int(stat[_PARENT])
        for one in _PROC.iterdir()
        if one.name.isdigit() and (stat := _stat(one.name))
    }
    found = set(pids)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _end(processes: Iterable[str]) -> None:
    known = (line.split() for line in processes)
    ours = {int(line[0]) for line in known if len(line) > 1 and _started(line[0]) == line[1]}
    ours = _with_descendants(ours) if ours else ours
    for pid in ours:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + _GONE_WITHIN_S
    while any(_stat(pid)[:1] not in ([], ["Z"]) for pid in ours) and time.monotonic() < until:
        time.sleep(0.05)


def main() -> None:
    """Read what there is until nobody writes any more, and end it."""
    lines = [line.rstrip("\n").partition(" ") for line in sys.stdin]
    _end(what for kind, _, what in lines if kind == "process")
    for kind, _, what in lines:
        if kind == "mount":
            subprocess.run(["umount", "-l", what], check=False, capture_output=True)  # noqa: S603, S607 - the system's own
    for kind, _, what in lines:
        if kind == "folder":
            shutil.rmtree(what, ignore_errors=True)


if __name__ == "__main__":
    main()
