"""A TCP proxy that can be cut, refused, stalled and delayed: the network between the bridge and a real part.

It runs in a thread with a loop of its own, so that a stall of the test's loop is not a stall of the network.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.rig.parts import free_port
from tests.rig.reset import reset_connection

T = TypeVar("T")
CHUNK = 64 * 1024


class Proxy:
    """Listens on ``port`` and passes everything on to ``target_port``; its methods may be called anywhere.

    A new ``target`` (a port) is where connections that are made from then on lead.
    """

    def __init__(self, target_port: int, port: int = 0) -> None:
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.connections = 0  # ever accepted
        self.target = target_port
        self._delay_s = 0.0
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._open_writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests_gate = asyncio.Event()  # set: bytes towards the target move
        self._responses_gate = asyncio.Event()  # set: bytes from the target move
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{port}", daemon=True)

    def __enter__(self) -> Self:
        """Open the proxy."""
        self._thread.start()
        self.resume()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it with everything that goes through it."""
        self._run_in_loop(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def resume(self) -> None:
        """Pass everything on at once, and accept again."""
        self._run_in_loop(self._resume())

    def cut(self) -> None:
        """Reset every connection there is; new ones are welcome."""
        self._run_in_loop(self._cut())

    def refuse(self) -> None:
        """Reset every connection and refuse new ones, as a stopped server does."""
        self._run_in_loop(self._refuse())

    def retarget(self, target_port: int) -> None:
        """Lead new connections to another port, as a name does that was switched."""
        self.target = target_port

    def stall(self) -> None:
        """Go silent: connections stay open and new ones open, no byte moves in either direction."""
        self._run_in_loop(self._stall(requests=True))

    def stall_responses(self) -> None:
        """Let requests reach the target but hold its answers back: the outcome of all of them is unknown."""
        self._run_in_loop(self._stall(requests=False))

    def delay(self, seconds: float) -> None:
        """Hold every piece back for so long, in each direction; throughput stays."""
        self._delay_s = seconds

    def _run_in_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _resume(self) -> None:
        self._delay_s = 0.0
        self._requests_gate.set()
        self._responses_gate.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _cut(self) -> None:
        for line in list(self._open_writers):
            reset_connection(line.transport)
        self._open_writers.clear()

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _stall(self, *, requests: bool) -> None:
        self._responses_gate.clear()
        if requests:
            self._requests_gate.clear()

    async def _close(self) -> None:
        await self._refuse()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open_writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            self._open_writers.discard(writer)
            return
        self._open_writers.add(far_writer)
        self._spawn(self._pass_on(reader, far_writer, self._requests_gate.wait))
        self._spawn(self._pass_on(far_reader, writer, self._responses_gate.wait))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        gate: Callable[[], Awaitable[object]],
    ) -> None:
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        self._spawn(self._write(pieces, writer, gate))
        piece = b"-"
        while piece:
            try:
                piece = await reader.read(CHUNK)
            except OSError:
                piece = b""
            await pieces.put((time.monotonic() + self._delay_s, piece))

    async def _write(
        self,
        pieces: asyncio.Queue[tuple[float, bytes]],
        writer: asyncio.StreamWriter,
        gate: Callable[[], Awaitable[object]],
    ) -> None:
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await gate()
            if not piece:
                break
            with contextlib.suppress(OSError):  # the other side left; the reader will see it
                writer.write(piece)
                await writer.drain()
        self._open_writers.discard(writer)
        writer.close()
