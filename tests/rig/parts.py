"""What the parts of the rig share: free ports, child processes that never outlive us, and missing programs.

Knows nothing of Kafka, Redis or the bridge.
"""

import atexit
import fcntl
import os
import random
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

from tests.rig.reaper import state_of, watch_process
from tests.rig.waiting import eventually_blocking

ROOT = Path(__file__).resolve().parents[2]


class MissingPartError(Exception):
    """A part cannot run on this machine; the text is one line, ``what is lacking: what would help``.

    ``part`` is the word by which BRIDGE_TEST_REQUIRE asks for it (see `tests.conftest`).
    """

    def __init__(self, part: str, text: str) -> None:
        super().__init__(text)
        self.part = part


def free_port(also: int = 0) -> int:
    """Give a port on loopback that nobody listens on, and that no process of this rig is given again.

    Below the range from which systems take outgoing ports, so that it is still free a moment later. With
    ``also`` the port that is so much higher is free and kept as well.
    """
    for _ in range(200):
        port = random.randint(15_000, 31_000 - also)  # noqa: S311 - a port is no secret
        ports = {port, port + also}
        if all(_reserved(one) and _can_be_bound(one) for one in ports):
            return port
    raise RuntimeError("no free port on loopback between 15000 and 31000")


def _can_be_bound(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@cache
def _port_locks() -> tuple[BinaryIO, set[int]]:
    """Give a file of this machine in which each byte that a process has locked is a port it was given."""
    path = Path(tempfile.gettempdir()) / f"vod-event-bridge-ports-{os.getuid()}"
    return path.open("ab"), set()


def _reserved(port: int) -> bool:
    """Take the port for the life of this process, which may be one of several workers; False: it is taken."""
    file, ours = _port_locks()
    if port in ours:
        return False
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    ours.add(port)
    return True


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Keep other processes out of what is made in `cache_folder` under that name (blocking)."""
    with (cache_folder() / f"{name}.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cache_folder() -> Path:
    """Give the folder in which downloads are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "vod-event-bridge"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Process:
    """A child process with its output in a file; it is killed when we end, however we end.

    ``pause`` stops it as a frozen machine would be (its connections stay open and silent).
    """

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.log_path = log
        self._paused = False
        with log.open("ab") as sink:
            self._child = subprocess.Popen(  # noqa: S603 - the rig's own commands
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=ROOT,
            )
        atexit.register(self.kill)
        watch_process(self._child.pid)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code (negative: the signal), or None while it runs."""
        return self._child.poll()

    def log(self) -> str:
        """Give everything written to stdout and stderr so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def pause(self) -> None:
        """Freeze it, and wait until all of its threads stand still: a busy one takes a moment."""
        self._signal(signal.SIGSTOP)
        self._paused = True
        eventually_blocking(self._is_stopped, "every thread is stopped")

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)
        self._paused = False

    def _is_stopped(self) -> bool:
        tasks = Path(f"/proc/{self.pid}/task")
        if not tasks.is_dir():  # a system without /proc: take its word
            return True
        return all(state_of(task) in ("", *"TtZX") for task in tasks.iterdir())

    def terminate(self) -> None:
        """Send SIGTERM without waiting."""
        self._signal(signal.SIGTERM)

    def hang_up(self) -> None:
        """Send SIGHUP without waiting."""
        self._signal(signal.SIGHUP)

    def stop(self, within_s: float = 20.0) -> int:
        """Send SIGTERM, wait (blocking), and give the exit code; what does not end in time is killed."""
        if self._paused:
            self.resume()
        self.terminate()
        try:
            return self._child.wait(within_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """Send SIGKILL, wait for the end, and give the exit code."""
        self._signal(signal.SIGKILL)
        code = self._child.wait()
        atexit.unregister(self.kill)
        return code

    def _signal(self, number: signal.Signals) -> None:
        if self._child.poll() is None:
            self._child.send_signal(number)
