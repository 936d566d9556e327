"""What a program waits for its core, on the real scheduler."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator

import pytest

from tests.bench.core_waits import CoreWaits
from tests.rig.waiting import eventually

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(sys.platform != "linux", reason="another system tells nothing of it"),
]
_COMPUTES = "print(flush=True)\nwhile True: pass"


@pytest.fixture
async def computing() -> AsyncIterator[list[int]]:
    """Give the process ids of two programs that compute on one core."""
    core, programs = min(os.sched_getaffinity(0)), []
    try:
        for _ in range(2):
            program = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _COMPUTES), stdout=asyncio.subprocess.PIPE
            )
            programs.append(program)
            os.sched_setaffinity(program.pid, {core})
            assert program.stdout is not None
            await program.stdout.readline()
        yield [program.pid for program in programs]
    finally:
        for program in programs:
            program.kill()
            await program.wait()


async def test_a_program_is_disturbed_while_another_one_has_its_core(computing: list[int]) -> None:
    waits = CoreWaits(computing[0])
    began_s = time.perf_counter()
    assert not waits.is_disturbed(began_s, began_s + 1)
    async with waits.watching():
        await eventually(lambda: waits.is_disturbed(began_s, time.perf_counter()), "it is disturbed")
    assert not waits.is_disturbed(began_s - 1, began_s - 0.5)
