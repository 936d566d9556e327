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
import socket
import struct
import sys
from types import TracebackType
from typing import Any, Self, cast

import uvloop
from msgspec import Struct, to_builtins

from tests.rig.parts import Process, free_port
from tests.rig.reaper import temporary_folder
from tests.rig.waiting import eventually

PROBE_WITHIN_S = 1.0
_PROBE = b"GET /readyz HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n"


class Backend(Struct, kw_only=True):
    """One replica as the balancer knows it. ``taken`` connections were given to it, ``alive`` are left."""

    port: int
    admin_port: int
    ready: bool = False
    leaving: bool = False  # told to end: its endpoint goes, whatever its probe says
    left: bool = False
    misses: int = 0
    taken: int = 0
    alive: int = 0
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
        self._words = [str(self.port), str(self._control), str(probe_every_s), str(misses_max)]
        self._folder = temporary_folder("rig-balancer-")
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        """Start it and wait until it listens."""
        command = [sys.executable, "-m", "tests.rig.balancer", *self._words]
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
        said = ""
        if self._process is not None:
            self._process.kill()
            said = self._process.log()
        shutil.rmtree(self._folder, ignore_errors=True)
        assert error is not None or not said, said

    async def add(self, port: int, admin_port: int) -> int:
        """Let it know one more backend; gives the number by which it is called."""
        return len(await self._tell("add", port, admin_port)) - 1

    async def leave(self, number: int, after_s: float) -> None:
        """Say that a backend's pod is told to end: after so long it is given no new connections."""
        await self._tell("leave", number, after_s)

    async def rejoin(self, number: int) -> None:
        """Say that it has a new life: it is in once it is ready."""
        await self._tell("rejoin", number)

    async def backends(self) -> list[Backend]:
        """Tell how all of them stand."""
        return await self._tell("show")

    async def has_in(self, number: int) -> None:
        """Wait until so many are in."""

        async def are_in() -> bool:
            return sum(backend.is_in for backend in await self.backends()) == number

        await eventually(are_in, f"{number} backends are in")

    async def _tell(self, *words: object) -> list[Backend]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._control)
        try:
            writer.write(json.dumps(words).encode() + b"\n")
            return [Backend(**one) for one in json.loads(await reader.readline())]
        finally:
            writer.close()


class _End(asyncio.Protocol):
    """One end of a connection that is passed on: what comes here goes out at ``far``, and never faster."""

    def __init__(self) -> None:
        self.near: asyncio.Transport | None = None
        self.far: _End | None = None
        self.over = False  # nothing more comes from here

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.near = cast("asyncio.Transport", transport)  # uvloop's is one and does not say so

    def data_received(self, data: bytes) -> None:
        if self.far is not None and self.far.near is not None:
            self.far.near.write(data)

    def eof_received(self) -> bool:
        self.over = True
        if self.far is not None and self.far.near is not None:
            if self.far.over:
                return False
            self.far.near.write_eof()
        return True  # the other direction may have more to say

    def connection_lost(self, exc: Exception | None) -> None:
        if self.far is not None and self.far.near is not None:
            self.far.near.close() if exc is None else _reset(self.far.near)

    def pause_writing(self) -> None:
        if self.far is not None and self.far.near is not None:
            self.far.near.pause_reading()

    def resume_writing(self) -> None:
        if self.far is not None and self.far.near is not None:
            self.far.near.resume_reading()


class _Door(_End):
    """A sender's end. What comes before its backend is reached waits."""

    def __init__(self, process: "_Balancing") -> None:
        super().__init__()
        self._process = process
        self._backend: Backend | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.near is not None
        self._process.employ(self._reach(self.near))

    def data_received(self, data: bytes) -> None:
        if self.far is None:
            self._early.append(data)
        else:
            super().data_received(data)

    async def _reach(self, near: asyncio.Transport) -> None:
        backend = self._process.next_in()
        if backend is None:
            _reset(near)
            return
        try:
            _, end = await asyncio.get_running_loop().create_connection(_End, "127.0.0.1", backend.port)
        except OSError:
            backend.refused += 1
            _reset(near)
            return
        end.far, self.far = self, end
        backend.taken += 1
        backend.alive += 1
        self._backend = backend
        if near.is_closing():
            self.connection_lost(None)
        for piece in self._early:
            super().data_received(piece)
        if self.over:
            self.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._backend is not None:
            self._backend.alive -= 1
            self._backend = None


class _Balancing:
    """The process: who is in, whose turn it is, and what it is told."""

    def __init__(self, probe_every_s: float, misses_max: int) -> None:
        self._every_s = probe_every_s
        self._misses_max = misses_max
        self._backends: list[Backend] = []
        self._turn = 0
        self._work: set[asyncio.Task[None]] = set()

    def employ(self, work: Any) -> None:  # noqa: ANN401 - a coroutine of any kind
        """Run it beside everything else."""
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def next_in(self) -> Backend | None:
        """Choose whose turn it is."""
        for step in range(1, len(self._backends) + 1):
            backend = self._backends[(self._turn + step) % len(self._backends)]
            if backend.is_in:
                self._turn = (self._turn + step) % len(self._backends)
                return backend
        return None

    async def run(self, port: int, control_port: int) -> None:
        """Listen for ever."""
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: _Door(self), "127.0.0.1", port, backlog=1024)
        control = await asyncio.start_server(self._hear, "127.0.0.1", control_port)
        await control.serve_forever()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        word, *rest = json.loads(await reader.readline())
        if word == "add":
            backend = Backend(port=rest[0], admin_port=rest[1])
            self._backends.append(backend)
            self.employ(self._probe(backend))
        elif word == "leave":
            self.employ(self._leave(self._backends[rest[0]], rest[1]))
        elif word == "rejoin":
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


def _reset(transport: asyncio.Transport) -> None:
    """Close it as a refusal or a crash looks from the other side, which is no farewell."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


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
    words = argparse.ArgumentParser(prog="balancer")
    for name, kind in (("port", int), ("control", int), ("every_s", float), ("misses", int)):
        words.add_argument(name, type=kind)
    asked = words.parse_args()
    uvloop.run(_Balancing(asked.every_s, asked.misses).run(asked.port, asked.control))


if __name__ == "__main__":
    main()
