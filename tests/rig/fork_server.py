"""The process that `tests.rig.forked` asks: it has imported the program, and forks at each request.

``python -m tests.rig.fork_server FD``: FD is a socket, and it ends when that does.
"""

import contextlib
import gc
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Iterable
from importlib import import_module
from io import TextIOWrapper

from bridge.cli.commands import COMMANDS
from tests.rig.forked import LENGTH_BYTES, OF_PYTEST, SETTINGS
from tests.rig.parts import ROOT

# What a command imports when it runs, of an extra: imported here once that command is first asked for.
LATE_IMPORTS = {"mcp": ("bridge.mcp_server.server", "bridge.mcp_server.calls")}


def main() -> None:
    """Fork until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = socket.socket(fileno=int(sys.argv[1]))
    for module in ("bridge.app", *(command.module for command in COMMANDS.values())):
        import_module(module)
    late = dict(LATE_IMPORTS)
    gc.collect()
    gc.freeze()
    while True:
        head, descriptors, _, _ = socket.recv_fds(server, LENGTH_BYTES, 3)
        if not head:
            return
        request = server.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
        if modules := late.pop(next(iter(json.loads(request)[0]), ""), ()):
            _import_late(modules)
        pid = _fork_twice(server, request, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        server.sendall(pid.to_bytes(LENGTH_BYTES, "big"))


def _import_late(modules: Iterable[str]) -> None:
    for module in modules:
        with contextlib.suppress(ImportError):  # of an extra; the command says so itself
            import_module(module)
    gc.collect()
    gc.freeze()


def _fork_twice(server: socket.socket, request: bytes, descriptors: list[int]) -> int:
    """Return the pid of the grandchild; the child between is gone by then."""
    read, write = os.pipe()
    if child := os.fork():
        os.close(write)
        with open(read, "rb") as pipe:  # noqa: PTH123 - a descriptor
            pid = int(pipe.read())
        os.waitpid(child, 0)
        return pid
    if pid := os.fork():
        os.write(write, str(pid).encode())
        os._exit(0)
    os.close(read)
    os.close(write)
    server.close()
    for ours, given in enumerate(descriptors):
        os.dup2(given, ours)
        os.close(given)
    _run(*json.loads(request))
    return 0


def _encode_streams() -> None:
    """Give the standard streams the encoding that is asked for, as the interpreter does at its start."""
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "").partition(":")
    if encoding:
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            assert isinstance(stream, TextIOWrapper)
            kept = "backslashreplace" if stream is sys.stderr else errors or "strict"
            stream.reconfigure(encoding=encoding, errors=kept)


def _run(words: list[str], settings: dict[str, str], new_session: bool) -> None:  # noqa: FBT001 - as it was sent
    """Be ``python -m bridge``; its end, by whatever exception, is the interpreter's own."""
    if new_session:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith((*SETTINGS, *OF_PYTEST))]:
        del os.environ[name]
    os.environ.update(settings)
    _encode_streams()
    sys.argv = [str(ROOT / "bridge" / "__main__.py"), *words]
    runpy.run_module("bridge", run_name="__main__", alter_sys=True)
    sys.exit(0)


if __name__ == "__main__":
    main()
