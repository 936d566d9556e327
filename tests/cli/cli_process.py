"""Runs the command line as a process and returns its output."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

from msgspec import Struct

from tests.rig.reaper import watch_process

TIMEOUT_S = 120


class CommandResult(Struct, frozen=True):
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give this process's environment without the bridge's settings, and with ``settings``."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    return {**env, **(settings or {})}


async def vod_bridge(
    *args: str,
    settings: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    python: Sequence[str] = ("-m", "bridge"),
) -> CommandResult:
    """Run ``vod-bridge`` with these arguments."""
    return await wait_for_exit(await start_command(*args, settings=settings, python=python), stdin)


async def start_command(
    *args: str, settings: Mapping[str, str] | None = None, python: Sequence[str] = ("-m", "bridge")
) -> asyncio.subprocess.Process:
    """Begin to run ``vod-bridge``, with standard input and outputs that are pipes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *python,
        *args,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(settings),
    )
    watch_process(process.pid)
    return process


async def wait_for_exit(process: asyncio.subprocess.Process, stdin: bytes = b"") -> CommandResult:
    """Wait for its end, with ``stdin`` as its standard input; return its output."""
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), TIMEOUT_S)
    except TimeoutError:
        process.kill()
        raise
    return CommandResult(process.returncode or 0, out.decode(), err.decode())
