"""When a program had to wait for its core while other programs had it: this machine's doing, not its own."""

import asyncio
import os
import time
from bisect import bisect_left
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path

_INTERVAL_S = 0.005
_THREADS_INTERVAL_S = 1.0
# Less is what a turn of the scheduler takes.
_LEAST_NS = 1_000_000


class CoreWaits:
    """Samples of one process. Linux tells of each thread how long it ran, and how long it could have run.

    What its first thread waited for beyond what its other threads ran meanwhile, others had.
    """

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._first = str(pid)
        self._files: dict[str, int] = {}
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
            for file in self._files.values():
                os.close(file)
            self._files.clear()

    async def _watch(self) -> None:
        waited_ns, ran_ns, others_ns, listed_s = 0, 0, 0, 0.0
        while True:
            now_s = time.perf_counter()
            if now_s - listed_s > _THREADS_INTERVAL_S:
                listed_s = now_s
                self._list_threads()
                waited_ns, ran_ns = self._read()
            waited_before, ran_before = waited_ns, ran_ns
            waited_ns, ran_ns = self._read()
            others_ns += max(0, waited_ns - waited_before - (ran_ns - ran_before))
            self._samples.append((now_s, others_ns))
            await asyncio.sleep(_INTERVAL_S)

    def _list_threads(self) -> None:
        for task in self._tasks.iterdir():
            if task.name not in self._files:
                self._files[task.name] = os.open(task / "schedstat", os.O_RDONLY)

    def _read(self) -> tuple[int, int]:
        """Return how long the first thread waited for a core, and how long the others ran, in nanoseconds."""
        waited_ns = ran_ns = 0
        for thread, file in self._files.items():
            with suppress(ProcessLookupError):  # it has ended
                ran, waited = os.pread(file, 100, 0).split()[:2]
                if thread == self._first:
                    waited_ns = int(waited)
                else:
                    ran_ns += int(ran)
        return waited_ns, ran_ns
