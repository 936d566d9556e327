"""The C library's heap, seen from outside: page faults, and how much memory a process has."""

import asyncio
import ctypes
import platform
import sys

import pytest

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library keeps what it likes"
)

# Makes bodies as they are read, and drops them, some times. Prints the page faults of all but the first time.
_READ_AND_DROP = """
import resource
from bridge.malloc import tune_malloc

tune_malloc()
faults = []
for _ in range(6):
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    pieces = [b"x" * 32_000 for _ in range(128)]
    del pieces
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults[1])
"""


async def test_dropped_bodies_leave_their_pages_to_the_next() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _READ_AND_DROP, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    assert int(output) < 100  # of 5,000 pages; glibc by itself gives back, and takes anew, some hundreds


# Makes what a large body is made into, and drops it, some times; waits until what is unused is given back.
# Prints the page faults of all but the first time, and MB: before, with all of it unused, at the end.
_DROP_LARGE = """
import asyncio, resource, threading
from bridge.malloc import reuse_heap, tune_malloc

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() // 1_000_000

def make_and_drop():
    large = [b"x" * 4_000_000 for _ in range(20)]
    del large
    more = [b"x" * 1_000_000 for _ in range(50)]
    del more

async def main():
    tune_malloc()
    work = asyncio.create_task(reuse_heap(interval_s=0.5))
    await asyncio.sleep(0)
    first_mb, faults = resident_mb(), []
    for _ in range(6):
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
        thread = threading.Thread(target=make_and_drop)
        thread.start()
        thread.join()  # without a turn of the loop, in which memory could be given back
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    unused_mb = resident_mb()
    while resident_mb() > first_mb + 20:
        await asyncio.sleep(0.05)
    print(faults[-1] - faults[1], first_mb, unused_mb, resident_mb())

asyncio.run(asyncio.wait_for(main(), 60))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="a glibc before 2.33")
async def test_what_large_bodies_free_serves_the_next_ones_and_is_given_back_afterwards() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _DROP_LARGE, stdout=asyncio.subprocess.PIPE
    )
    faults, first_mb, unused_mb, last_mb = map(int, (await child.communicate())[0].split())
    assert faults < 2_000  # of 150,000 pages, which are new each time where they are mapped apart
    assert unused_mb > first_mb + 60
    assert last_mb <= first_mb + 20
