"""Runs ``vod-bridge dev`` as a process, with the commands that it suggests."""

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from tests.cli.cli_process import TIMEOUT_S, environment
from tests.rig.reaper import watch_process

ANY_PORTS = tuple(f"--{word}port=0" for word in ("", "admin-", "kafka-", "redis-", "vendor-"))


class DevProcess(Struct):
    """The process, its output, the variables it suggested to export and the other commands it printed.

    ``before_hints`` is what it printed before these.
    """

    process: asyncio.subprocess.Process
    out: asyncio.StreamReader
    exports: dict[str, str]
    commands: list[str]
    before_hints: str = ""

    @property
    def url(self) -> str:
        """The callback URL that its command posts to."""
        return next(
            word
            for line in self.commands
            for word in shlex.split(line)
            if word.startswith("http://") and "/callbacks" in word
        )


@asynccontextmanager
async def dev_process(*words: str) -> AsyncIterator[DevProcess]:
    """Start it on any free ports and wait for its suggestions; it is killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bridge", "dev", *ANY_PORTS, *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(),
    )
    watch_process(process.pid)
    out = process.stdout
    assert out
    try:
        async with asyncio.timeout(TIMEOUT_S):
            started = await _read_hints(process, out)
        async with asyncio.timeout(TIMEOUT_S):
            yield started
    finally:
        if process.returncode is None:
            process.terminate()  # it ends its Redis too
            await process.wait()


async def read_line_with(out: asyncio.StreamReader, word: str) -> str:
    """Read on to the first line that holds ``word``."""
    while line := (await out.readline()).decode():
        if word in line:
            return line
    raise AssertionError(f"it ended without a line with {word}")


async def _read_hints(process: asyncio.subprocess.Process, out: asyncio.StreamReader) -> DevProcess:
    before = ""
    while "In another terminal" not in (line := (await out.readline()).decode()):
        assert line, f"it ended before it was ready:\n{before}"
        before += line
    exports: dict[str, str] = {}
    commands: list[str] = []
    while line := (await out.readline()).decode():
        if "Ctrl-C" in line:
            return DevProcess(process, out, exports, commands, before)
        if line.startswith("  export "):
            name, _, value = shlex.split(line)[1].partition("=")
            exports[name] = value
        elif line.startswith("  "):
            commands.append(line.strip())
    raise AssertionError("it ended without saying how to go on")
