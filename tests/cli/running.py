"""Runs the command line as a process of its own and gives what it said."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

from msgspec import Struct

from tests.rig.reaper import watch_process

WITHIN_S = 120


class Said(Struct, frozen=True):
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give this process's environment without the bridge's settings, and with ``settings``."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    return {**own, **(settings or {})}


async def vod_bridge(
    *words: str,
    settings: Mapping[str, str] | None = None,
    typed: bytes = b"",
    python: Sequence[str] = ("-m", "bridge"),
) -> Said:
    """Run ``vod-bridge`` with these words.

    ``typed`` is its standard input, ``python`` what runs it where that is not the package itself.
    """
    return await ended(await begun(*words, settings=settings, python=python), typed)


async def begun(
    *words: str, settings: Mapping[str, str] | None = None, python: Sequence[str] = ("-m", "bridge")
) -> asyncio.subprocess.Process:
    """Begin to run ``vod-bridge``, with standard input and outputs that are pipes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *python,
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(settings),
    )
    watch_process(process.pid)
    return process


async def ended(process: asyncio.subprocess.Process, typed: bytes = b"") -> Said:
    """Wait for its end, ``typed`` given as its standard input, and give what it said."""
    try:
        out, err = await asyncio.wait_for(process.communicate(typed), WITHIN_S)
    except TimeoutError:
        process.kill()
        raise
    return Said(process.returncode or 0, out.decode(), err.decode())
