"""The program of one worker process: ``python -m bridge.worker``, started by the supervisor alone."""

import gc
import signal
import socket
import sys
from pathlib import Path

from msgspec import json

from bridge.io.http.connection_counts import ConnectionCounts
from bridge.io.http.shared_listener import SharedSockets
from bridge.io.spool import SpoolLockedError
from bridge.settings.settings import SettingsError, load
from bridge.workers.messages import WorkerArguments
from bridge.workers.role import WorkerRole
from bridge.workers.supervisor_link import SupervisorLink

_GC_THRESHOLD = 100_000  # while modules are imported, which stay: as `bridge.cli.commands` has it
_EXIT_FAILED, _EXIT_USAGE = 1, 2


def main() -> int:
    """Run a worker with the arguments that its command line holds; returns the exit code."""
    # A terminal sends them to all of its processes: what they mean is the supervisor's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    gc.set_threshold(_GC_THRESHOLD)
    arguments = json.decode(sys.argv[1], type=WorkerArguments)
    try:
        settings = load(Path(arguments.config) if arguments.config else None)
    except SettingsError as error:
        sys.stderr.write(f"worker {arguments.number}: {error}\n")
        return _EXIT_USAGE
    sockets = [_listening(fd) for fd in arguments.listen_fds]
    counts = ConnectionCounts(arguments.counts_fd, arguments.slots)
    role = WorkerRole(
        number=arguments.number,
        workers=arguments.workers,
        shared=SharedSockets(sockets, counts, arguments.slot),
        link=SupervisorLink(socket.socket(fileno=arguments.channel_fd)),
    )
    from bridge.app import serve  # noqa: PLC0415 - most of a start is this import: by the threshold above

    try:
        return serve(settings, role)
    except (SpoolLockedError, OSError) as error:
        sys.stderr.write(f"worker {arguments.number}: cannot start: {error}\n")
        return _EXIT_FAILED


def _listening(fd: int) -> socket.socket:
    sock = socket.socket(fileno=fd)
    sock.setblocking(False)  # noqa: FBT003 - the socket's own signature
    return sock


if __name__ == "__main__":
    sys.exit(main())
