"""Starts ``python -m bridge`` as a fork of a process that has imported it: its imports cost 1 s of CPU.

`fork_commands` lets `subprocess` and asyncio do so from then on. What it starts is a process like any other,
and a child of ours: own pid, pipes, environment, signals, exit code. Where a call asks for anything that
decides at the start of Python or of a library (another program, another variable than ``BRIDGE_...`` and
``VOD_...``, another folder), and where the system is no Linux, the program is started anew as ever.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tests.rig.parts import ROOT
from tests.rig.reaper import watch_process

COMMAND = [os.fsencode(part) for part in (sys.executable, "-m", "bridge")]
LENGTH_BYTES = 4
# Variables that may differ from one start to another; what pytest sets is kept from the program.
SETTINGS = ("BRIDGE_", "VOD_", "PYTHONIOENCODING")
OF_PYTEST = ("PYTEST_", "COV_")
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, see prctl(2)
# Positions in the call of `_posixsubprocess.fork_exec`.
_ARGS, _PASS_FDS, _CWD, _ENV, _PIPES, _SESSION, _SPECIAL = 0, 3, 4, 5, slice(6, 12), 15, slice(16, 22)

ForkExec = Callable[..., int]


def fork_commands() -> None:
    """Fork what can be forked, in this process, from now on."""
    if sys.platform == "linux" and isinstance(subprocess._fork_exec, type(len)):  # type: ignore[attr-defined] # noqa: SLF001 - nothing public gives a Popen and asyncio another way to start
        subprocess._fork_exec = _ForkServer(subprocess._fork_exec).start  # type: ignore[attr-defined] # noqa: SLF001


class _ForkServer:
    """The process that has the imports (`tests.rig.fork_server`), begun when it is needed first."""

    def __init__(self, fork_exec: ForkExec) -> None:
        self._fork_exec = fork_exec
        self._environment = dict(os.environb)
        self._pid = 0
        self._socket: socket.socket | None = None
        self._output = -1
        self._lock = threading.Lock()

    def start(self, *call: Any) -> int:  # noqa: ANN401 - what subprocess passes
        """Do what `_posixsubprocess.fork_exec` does."""
        request = _request(call, self._environment)
        if request is None:
            return self._fork_exec(*call)
        with self._lock:
            if self._pid != os.getpid():  # a fork of ours has one of its own
                self._socket, self._pid = self._begin(), os.getpid()
            assert self._socket is not None
            if pid := _ask(self._socket, request, _descriptors(call)):
                return pid
            raise RuntimeError(f"the fork server has ended: {os.read(self._output, 1 << 16).decode()}")

    def _begin(self) -> socket.socket:
        ours, its = socket.socketpair()
        self._output, output = (
            os.pipe()
        )  # its streams stay those of its forks, which must be no seekable file
        with its:
            process = subprocess.Popen(  # noqa: S603 - our own
                [sys.executable, "-m", "tests.rig.fork_server", str(its.fileno())],
                pass_fds=[its.fileno()],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        os.close(output)
        watch_process(process.pid)
        process.returncode = 0  # it ends with our socket; nobody waits for it
        return ours


def _request(call: Sequence[Any], usual: Mapping[bytes, bytes]) -> bytes | None:
    """Return what to ask for; None where the program must be started anew, as by another environment."""
    arguments = [os.fsencode(argument) for argument in call[_ARGS]]
    environment = _decoded(os.environb.items() if call[_ENV] is None else _split(call[_ENV]))
    same = _without_settings(environment) == _without_settings(_decoded(usual.items()))
    if arguments[: len(COMMAND)] != COMMAND or not same or call[_CWD] not in (None, ROOT, str(ROOT)):
        return None
    if list(call[_SPECIAL]) != [-1, None, None, None, -1, None] or len(call[_PASS_FDS]) > 1:
        return None
    settings = {name: value for name, value in environment.items() if name.startswith(SETTINGS)}
    words = [os.fsdecode(argument) for argument in arguments[len(COMMAND) :]]
    return json.dumps([words, settings, bool(call[_SESSION])]).encode()


def _split(environment: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, _, value in (entry.partition(b"=") for entry in environment)]


def _decoded(environment: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {os.fsdecode(name): os.fsdecode(value) for name, value in environment}


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in environment.items() if not name.startswith((*SETTINGS, *OF_PYTEST))
    }


def _descriptors(call: Sequence[Any]) -> list[int]:
    """Return its standard input, output and error."""
    p2cread, _, _, c2pwrite, _, errwrite = call[_PIPES]
    return [ours if given == -1 else given for ours, given in enumerate((p2cread, c2pwrite, errwrite))]


def _ask(server: socket.socket, request: bytes, descriptors: list[int]) -> int:
    """Return the pid of the new process, 0 where none answers.

    Its parent has ended by then: as its subreaper we become its parent.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        socket.send_fds(server, [len(request).to_bytes(LENGTH_BYTES, "big")], descriptors)
        server.sendall(request)
        return int.from_bytes(server.recv(LENGTH_BYTES), "big")
    except ConnectionError:
        return 0
    finally:
        libc.prctl(_SUBREAPER, 0, 0, 0, 0)
