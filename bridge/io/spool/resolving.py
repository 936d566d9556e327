"""Resolves the entries of a commit, and decides when what these gather meanwhile is committed."""

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence

from bridge.io.spool.entry import SpoolEntry
from bridge.io.spool.writer import CommitBatch

_CLOCK_EVERY = 16  # records: to ask how late it is costs a hundredth of one
_SWITCH_INTERVAL_S = 20e-6  # after which a thread that waits for the interpreter gets it, instead of 5 ms


class Resolver:
    """``submit`` hands the first of the ``queued`` batches to the writer's thread, unless it has one."""

    def __init__(self, queued: deque[CommitBatch], submit: Callable[[], object]) -> None:
        self._queued = queued
        self._submit = submit
        self._gather_s = 0.0  # what a record takes from the end of one commit to the begin of the next

    def resolve(self, entries: Sequence[SpoolEntry], commit_s: float) -> None:
        """Resolve as durable. Those who wait for it may append the next records at once.

        These leave together, unless gathering all takes longer than a commit, which took ``commit_s``: then
        they leave in two halves, of which one is committed while the other gathers.
        """
        started_at_s, switch_interval_s = time.perf_counter(), sys.getswitchinterval()
        in_halves = (len(entries) + self._count_queued()) * self._gather_s > commit_s
        commit_at_s = started_at_s if in_halves else started_at_s + commit_s
        try:
            for first in range(0, len(entries), _CLOCK_EVERY):
                if self._count_queued() >= len(entries) - first and time.perf_counter() >= commit_at_s:
                    # Otherwise the writer's thread begins, and syncs what it wrote, behind all of this.
                    sys.setswitchinterval(_SWITCH_INTERVAL_S)
                    self._submit()
                for entry in entries[first : first + _CLOCK_EVERY]:
                    entry.resolve()
        finally:
            sys.setswitchinterval(switch_interval_s)
        self._gather_s = (time.perf_counter() - started_at_s) / len(entries)

    def _count_queued(self) -> int:
        return len(self._queued[0].entries) if self._queued else 0
