"""What is set for the whole process, seen from outside."""

import asyncio
import platform
import sys

import pytest

from bridge.process import share_interpreter

# Makes bodies as they are read, and drops them, some times. Prints the page faults of all but the first time.
_READ_AND_DROP = """
import resource
from bridge.process import tune_malloc

tune_malloc()
faults = []
for _ in range(6):
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    pieces = [b"x" * 32_000 for _ in range(128)]
    del pieces
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults[1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps what it likes")
async def test_dropped_bodies_leave_their_pages_to_the_next() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _READ_AND_DROP, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    assert int(output) < 100  # of 5,000 pages; glibc by itself gives back, and takes anew, some hundreds


def test_a_thread_that_computes_gives_way_well_before_pythons_five_milliseconds() -> None:
    before_s = sys.getswitchinterval()
    try:
        share_interpreter()
        assert sys.getswitchinterval() <= 0.001
    finally:
        sys.setswitchinterval(before_s)
