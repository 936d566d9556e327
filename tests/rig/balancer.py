"""A small TCP balancer in a process of its own: what stands before the replicas in Kubernetes.

It asks each backend's /readyz as a readiness probe does, gives each new connection to the next backend that
is in, and passes its bytes on until one of the two ends it: what lives is never cut. A backend whose pod is
told to end leaves a moment later, as its endpoint does, and is not in again before it has rejoined and is
ready. Nothing is tried twice: where a backend refuses, or none is in, the sender is refused.

The tests have `Balancer`; ``python -m tests.rig.balancer`` is what that starts, told by lines of JSON.
"""

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
from types import TracebackType
from typing import Any, Self, cast

import uvloop
from msgspec import Struct, to_builtins

from tests.rig.parts import Process, free_port
from tests.rig.reaper import temporary_folder
from tests.rig.reset import reset_connection
from tests.rig.waiting import eventually

PROBE_WITHIN_S = 3.0  # as the chart has it
_PROBE = b"GET /readyz HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n"


class Backend(Struct, kw_only=True):
    """One replica as the balancer knows it. ``taken`` connections were given to it, ``alive`` are left."""

    port: int
    admin_port: int
    ready: bool = False
    leaving: bool = False  # told to end: its endpoint goes, whatever its probe says
    left: bool = False
    misses: int = 0
    accepted: int = 0
    open_connections: int = 0
    refused: int = 0

    @property
    def is_in(self) -> bool:
        """Whether it is given new connections."""
        return self.ready and not self.left


class Balancer:
    """Starts the balancer (``async with``) and tells it what happens to the replicas.

    ``probe_every_s`` is the probe's period, ``misses_max`` how many in a row take a backend out.
    """

    def __init__(self, *, probe_every_s: float = 1.0, misses_max: int = 3) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._control = free_port()
        self._arguments = [str(self.port), str(self._control), str(probe_every_s), str(misses_max)]
        self._folder = temporary_folder("rig-balancer-")
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        """Start it and wait until it listens."""
        command = [sys.executable, "-m", "tests.rig.balancer", *self._arguments]
        self._process = process = Process(command, self._folder / "balancer.log")

        async def listens() -> bool:
            assert process.exit_code is None, process.log()
            with contextlib.suppress(OSError):
                return await self.backends() == []
            return False

        await eventually(listens, "the balancer listens")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        log_text = ""
        if self._process is not None:
            self._process.kill()
            log_text = self._process.log()
        shutil.rmtree(self._folder, ignore_errors=True)
        assert error is not None or not log_text, log_text

    async def add(self, port: int, admin_port: int) -> int:
        """Let it know one more backend; gives the number by which it is called."""
        return len(await self._send_command("add", port, admin_port)) - 1

    async def leave(self, number: int, after_s: float) -> None:
        """Say that a backend's pod is told to end: after so long it is given no new connections."""
        await self._send_command("leave", number, after_s)

    async def rejoin(self, number: int) -> None:
        """Say that it has a new life: it is in once it is ready."""
        await self._send_command("rejoin", number)

    async def backends(self) -> list[Backend]:
        """Tell how all of them stand."""
        return await self._send_command("show")

    async def wait_until_in(self, number: int) -> None:
        """Wait until so many are in."""

        async def are_in() -> bool:
            return sum(backend.is_in for backend in await self.backends()) == number

        await eventually(are_in, f"{number} backends are in")

    async def _send_command(self, *arguments: object) -> list[Backend]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._control)
        try:
            writer.write(json.dumps(arguments).encode() + b"\n")
            return [Backend(**one) for one in json.loads(await reader.readline())]
        finally:
            writer.close()


class _Endpoint(asyncio.Protocol):
    """One end of a connection that is passed on: what comes here goes out at ``far``, and never faster."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.peer: _Endpoint | None = None
        self.input_closed = False  # nothing more comes from here

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one and does not say so

    def data_received(self, data: bytes) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        self.input_closed = True
        if self.peer is not None and self.peer.transport is not None:
            if self.peer.input_closed:
                return False
            self.peer.transport.write_eof()
        return True  # the other direction may have more to say

    def connection_lost(self, exc: Exception | None) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.close() if exc is None else reset_connection(self.peer.transport)

    def pause_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.resume_reading()


class _ClientEndpoint(_Endpoint):
    """A sender's end. What comes before its backend is reached waits."""

    def __init__(self, process: "_BalancerServer") -> None:
        super().__init__()
        self._process = process
        self._backend: Backend | None = None
        self._buffered: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self._process.spawn(self._connect_backend(self.transport))

    def data_received(self, data: bytes) -> None:
        if self.peer is None:
            self._buffered.append(data)
        else:
            super().data_received(data)

    async def _connect_backend(self, near: asyncio.Transport) -> None:
        backend = self._process.next_backend()
        if backend is None:
            reset_connection(near)
            return
        try:
            _, end = await asyncio.get_running_loop().create_connection(_Endpoint, "127.0.0.1", backend.port)
        except OSError:
            backend.refused += 1
            reset_connection(near)
            return
        end.peer, self.peer = self, end
        backend.accepted += 1
        backend.open_connections += 1
        self._backend = backend
        if near.is_closing():
            self.connection_lost(None)
        for piece in self._buffered:
            super().data_received(piece)
        if self.input_closed:
            self.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._backend is not None:
            self._backend.open_connections -= 1
            self._backend = None


class _BalancerServer:
    """The process: who is in, whose turn it is, and what it is told."""

    def __init__(self, probe_every_s: float, misses_max: int) -> None:
        self._every_s = probe_every_s
        self._misses_max = misses_max
        self._backends: list[Backend] = []
        self._last_index = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Any) -> None:  # noqa: ANN401 - a coroutine of any kind
        """Run it beside everything else."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def next_backend(self) -> Backend | None:
        """Choose whose turn it is."""
        for step in range(1, len(self._backends) + 1):
            backend = self._backends[(self._last_index + step) % len(self._backends)]
            if backend.is_in:
                self._last_index = (self._last_index + step) % len(self._backends)
                return backend
        return None

    async def run(self, port: int, control_port: int) -> None:
        """Listen for ever."""
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: _ClientEndpoint(self), "127.0.0.1", port, backlog=1024)
        control = await asyncio.start_server(self._handle_command, "127.0.0.1", control_port)
        await control.serve_forever()

    async def _handle_command(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command_name, *rest = json.loads(await reader.readline())
        if command_name == "add":
            backend = Backend(port=rest[0], admin_port=rest[1])
            self._backends.append(backend)
            self.spawn(self._probe(backend))
        elif command_name == "leave":
            self.spawn(self._leave(self._backends[rest[0]], rest[1]))
        elif command_name == "rejoin":
            backend = self._backends[rest[0]]
            backend.leaving = backend.left = backend.ready = False
        writer.write(json.dumps(to_builtins(self._backends)).encode() + b"\n")
        await writer.drain()
        writer.close()

    async def _leave(self, backend: Backend, after_s: float) -> None:
        backend.leaving = True
        await asyncio.sleep(after_s)
        backend.left = backend.leaving  # it may have rejoined meanwhile

    async def _probe(self, backend: Backend) -> None:
        while True:
            good = await _is_ready(backend.admin_port)
            backend.misses = 0 if good else backend.misses + 1
            backend.ready = good or (backend.ready and backend.misses < self._misses_max)
            await asyncio.sleep(self._every_s)


async def _is_ready(admin_port: int) -> bool:
    try:
        async with asyncio.timeout(PROBE_WITHIN_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", admin_port)
            try:
                writer.write(_PROBE)
                return (await reader.readline()).split(b" ")[1:2] == [b"200"]
            finally:
                writer.close()
    except OSError:
        return False


def main() -> None:
    """Run it until it is killed."""
    arguments = argparse.ArgumentParser(prog="balancer")
    for name, kind in (("port", int), ("control", int), ("every_s", float), ("misses", int)):
        arguments.add_argument(name, type=kind)
    options = arguments.parse_args()
    uvloop.run(_BalancerServer(options.every_s, options.misses).run(options.port, options.control))


if __name__ == "__main__":
    main()
