"""The C library's heap: what large bodies leave in it serves the next ones, and is given back afterwards.

New memory costs 2 us for each 4 KiB, by a page fault. From a body of 4 MiB some 20 MB are made on its way, so
that this would be most of its cost.
"""

import asyncio
import ctypes
import resource
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # as malloc.h has them
# What is larger is mapped apart, and given back when it is freed.
_MMAP_THRESHOLD_BYTES = 256 * 1024
_REUSING_MMAP_THRESHOLD_BYTES = 32 * 1024 * 1024  # the most that glibc takes
# What the heap keeps at its end: pages that it gives back are made and cleared anew for the next body.
_TRIM_THRESHOLD_BYTES = 8 * 1024 * 1024
_REUSING_TRIM_THRESHOLD_BYTES = 1024 * 1024 * 1024
_UNUSED_MAX_BYTES = 16 * 1024 * 1024
_INTERVAL_S = 10.0


def tune_malloc() -> None:
    """Have glibc map what is large apart: in its heap, a few large bodies would keep their memory."""
    with suppress(OSError, AttributeError):  # another C library
        _set_options(
            {
                _M_MMAP_THRESHOLD: _MMAP_THRESHOLD_BYTES,
                _M_TRIM_THRESHOLD: _TRIM_THRESHOLD_BYTES,
                _M_ARENA_MAX: 1,  # of a thread's own one the end is never given back
            }
        )


async def reuse_heap(interval_s: float = _INTERVAL_S) -> None:
    """Have glibc reuse what is freed; every ``interval_s`` seconds give back what is unused, if it is much.

    Returns at once with another C library, or a glibc before 2.33.
    """
    try:
        heap = _Heap()
    except (OSError, AttributeError):
        return
    _set_options(
        {
            _M_MMAP_THRESHOLD: _REUSING_MMAP_THRESHOLD_BYTES,
            _M_TRIM_THRESHOLD: _REUSING_TRIM_THRESHOLD_BYTES,
        }
    )
    least_bytes = heap.unused_bytes()
    while True:
        await asyncio.sleep(interval_s)
        with suppress(OSError):  # no descriptor is free for the moment
            unused_bytes = heap.unused_bytes()
            if unused_bytes > least_bytes + _UNUSED_MAX_BYTES:
                least_bytes = await asyncio.to_thread(heap.trim)
            else:
                least_bytes = min(least_bytes, unused_bytes)


def _set_options(options: Mapping[int, int]) -> None:
    mallopt = ctypes.CDLL(None).mallopt
    for option, value in options.items():
        mallopt(option, value)


class _Mallinfo2(ctypes.Structure):
    """``struct mallinfo2`` of malloc.h: here all of it, in bytes, is about blocks in use and free ones."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]
    hblkhd: int  # in blocks that are mapped apart
    uordblks: int  # in other blocks in use


class _Heap:
    """Asks glibc. Raises AttributeError, or OSError, where there is none, or an old one."""

    def __init__(self) -> None:
        library = ctypes.CDLL(None)
        self._mallinfo = library.mallinfo2
        self._mallinfo.restype = _Mallinfo2
        self._trim = library.malloc_trim
        self._memory = Path("/proc/self/statm")
        self.unused_bytes()

    def unused_bytes(self) -> int:
        """Return how much memory the process has beyond what is in use, and a constant."""
        info: _Mallinfo2 = self._mallinfo()
        resident_pages = int(self._memory.read_text().split()[1])
        return resident_pages * resource.getpagesize() - info.uordblks - info.hblkhd

    def trim(self) -> int:
        """Give back every unused page; return how many bytes could not be. Takes 15 ms for 100 MB.

        Of these the event loop may wait for 4.
        """
        self._trim(0)
        return self.unused_bytes()
