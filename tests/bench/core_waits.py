"""When a program had to wait for its core while other programs had it: this machine's doing, not its own."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

from tests.bench.accounts import thread_times_ns

_INTERVAL_S = 0.005
# Less is what a turn of the scheduler takes.
_LEAST_NS = 1_000_000


class CoreWaits:
    """Samples of one process. Linux tells of each thread how long it ran, and how long it could have run.

    What its first thread waited for beyond what its other threads ran meanwhile, others had.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._samples: list[tuple[float, int]] = []  # monotonic seconds, nanoseconds waited so far for others

    def is_disturbed(self, began_s: float, ended_s: float) -> bool:
        """Whether others kept it waiting for a millisecond in one of the intervals from begin to end."""
        first = max(bisect_left(self._samples, (began_s, 0)) - 1, 0)
        last = bisect_left(self._samples, (ended_s, 0)) + 1
        return any(after[1] - before[1] > _LEAST_NS for before, after in pairwise(self._samples[first:last]))

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Take samples meanwhile."""
        watcher = asyncio.ensure_future(self._watch())
        try:
            yield
        finally:
            watcher.cancel()

    async def _watch(self) -> None:
        others_ns, before = 0, thread_times_ns(self._pid)
        while True:
            self._samples.append((time.perf_counter(), others_ns))
            await asyncio.sleep(_INTERVAL_S)
            times = thread_times_ns(self._pid)
            ran_ns = waited_ns = 0
            for thread, (ran, waited) in times.items():
                ran_before, waited_before = before.get(thread, (0, 0))
                if thread == self._pid:
                    waited_ns = waited - waited_before
                else:
                    ran_ns += ran - ran_before
            others_ns += max(0, waited_ns - ran_ns)
            before = times
