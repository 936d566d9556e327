"""The lines of standard input, without a thread that an end would have to wait for.

The SDK reads in a thread that cannot be cancelled: Ctrl-C would wait for the client's next line. Here a
daemon thread reads the descriptor itself; whoever stops reading leaves it behind.
"""

import asyncio
import os
import threading
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 65_536
_LINE_MAX_BYTES = 16 * 1024 * 1024


class StdinLines:
    """Iterates over the lines; descriptor 0 is /dev/null meanwhile, so that nothing else takes a byte."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        try:
            self._descriptor = os.dup(0)
        except OSError:  # it was closed before the start
            self._lines.put_nowait(None)
            return self
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), daemon=True, name="stdin").start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The descriptor stays open: the thread may still wait for it.
        return

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        line = await self._lines.get()
        if line is None:
            raise StopAsyncIteration
        return line

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        rest = b""
        try:
            while len(rest) < _LINE_MAX_BYTES and (chunk := os.read(self._descriptor, _CHUNK_BYTES)):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    loop.call_soon_threadsafe(self._lines.put_nowait, line.decode("utf-8", "replace"))
        except OSError:
            pass  # the same as its end
        try:
            loop.call_soon_threadsafe(self._lines.put_nowait, None)
        except RuntimeError:
            return  # the loop is closed: nobody waits
