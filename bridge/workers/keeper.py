"""Keeps one worker running: starts it, starts it again with back-off, replaces it by a new one."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress

import structlog

from bridge.workers.messages import Family
from bridge.workers.process import Inherited, WorkerProcess

log: structlog.stdlib.BoundLogger = structlog.get_logger()

SLOTS_A_WORKER = 3  # in the table of connections: one that ends, its successor, one started meanwhile
_BACKOFF_S, _MAX_BACKOFF_S = 0.1, 30.0
_STABLE_S = 30.0  # after so long the next back-off is the first again
_SILENCE_MAX_S, _START_SILENCE_MAX_S = 30, 300
_START_MAX_S = 120.0
_RETIRE_MAX_S = 20.0
_NO_SLOT = "its earlier processes have not ended yet; it is tried again"
_RESTART_REMEDY = (
    "nothing, it is started again; the lines above have the reason, a SIGKILL may be the memory limit"
)


class WorkerKeeper:
    """Keeps worker ``number``. ``on_end`` takes the last metrics of each process, ``on_restart`` counts.

    ``make_process`` makes one from its number and its slot.
    """

    def __init__(
        self,
        number: int,
        inherited: Inherited,
        *,
        on_end: Callable[[int, list[Family]], None],
        on_restart: Callable[[], None],
        make_process: Callable[[int, int], WorkerProcess] = WorkerProcess,
    ) -> None:
        self.number = number
        self._inherited = inherited
        self._on_end = on_end
        self._on_restart = on_restart
        self._make_process = make_process
        self.start_max_s = _START_MAX_S  # for a replacement to become ready
        self._current: WorkerProcess | None = None
        self._processes: dict[WorkerProcess, asyncio.Task[None]] = {}
        self._failures = 0
        self._stopping = False

    @property
    def current(self) -> WorkerProcess | None:
        """The process that takes deliveries; None while there is none."""
        return self._current

    @property
    def processes(self) -> list[WorkerProcess]:
        """All processes of it: during a replacement there are two."""
        return [*self._processes]

    async def run(self) -> None:
        """Keep it running until it is stopped."""
        clock = asyncio.get_running_loop().time
        while not self._stopping:
            started_s = clock()
            process = self._current
            if process is None:
                process = await self._start()
                if process is not None and self._current is not None:  # a replacement was ready meanwhile
                    process.retire()
                    continue
                self._current = self._current or process
            if process is not None:
                await process.exited.wait()
                if process is not self._current:
                    continue  # it was replaced
                self._current = None
            if not self._stopping:
                self._failures = 1 if clock() - started_s > _STABLE_S else self._failures + 1
                await self._back_off(process)

    async def replace(self) -> bool:
        """Start another process, and retire the one that is there once that is ready; False if it is not."""
        process = await self._start()
        if process is None:
            return False
        if not await self._becomes_ready(process):
            # It has been accepting since its start: what it holds is answered before it ends.
            await self._retire(process)
            return False
        previous, self._current = self._current, process
        if previous is not None:
            await self._retire(previous)
        return True

    async def _retire(self, process: WorkerProcess) -> None:
        process.retire()
        await self._wait_or_kill(process, _RETIRE_MAX_S)

    def stop(self) -> None:
        """Have every process end in order; one that is being retired already does."""
        self._stopping = True
        self.send_signal(signal.SIGTERM, retiring=False)

    def send_signal(self, number: signal.Signals, *, retiring: bool) -> None:
        """Send a signal to its processes; to those that are being retired only where that is wanted."""
        for process in self.processes:
            if retiring or not process.retiring:
                process.send_signal(number)

    async def wait_for_end(self, within_s: float) -> int:
        """Wait for all of its processes; what does not end is killed. Gives the exit code: 1 for that."""
        codes = await asyncio.gather(*(self._wait_or_kill(one, within_s) for one in self.processes))
        return 0 if all(codes) else 1

    def check_silence(self) -> None:
        """Count another second, and kill what has not reported for too long: it hangs."""
        for process in self.processes:
            process.silent_s += 1
            limit_s = _SILENCE_MAX_S if process.status else _START_SILENCE_MAX_S
            if process.silent_s == limit_s:
                log.error("worker_unresponsive", worker=self.number, pid=process.pid, silent_s=limit_s)
                process.send_signal(signal.SIGKILL)

    async def _start(self) -> WorkerProcess | None:
        taken = {process.slot for process in self.processes}
        slots = (self.number - 1 + row * self._inherited.workers for row in range(SLOTS_A_WORKER))
        slot = next((slot for slot in slots if slot not in taken), None)
        if slot is None:
            log.error("worker_start_failed", worker=self.number, error=_NO_SLOT)
            return None
        process = self._make_process(self.number, slot)
        try:
            await process.start(self._inherited)
        except OSError as error:
            log.error("worker_start_failed", worker=self.number, error=str(error))  # noqa: TRY400 - no bug
            return None
        self._processes[process] = asyncio.create_task(self._watch(process))
        if self._stopping:
            process.send_signal(signal.SIGTERM)
        return process

    async def _watch(self, process: WorkerProcess) -> None:
        await process.wait()
        self._inherited.counts.clear(process.slot)
        del self._processes[process]
        self._on_end(self.number, process.families)
        process.exited.set()

    async def _becomes_ready(self, process: WorkerProcess) -> bool:
        waiting = [asyncio.create_task(event.wait()) for event in (process.ready, process.exited)]
        await asyncio.wait(waiting, timeout=self.start_max_s, return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()
        return process.ready.is_set() and not process.exited.is_set()

    async def _wait_or_kill(self, process: WorkerProcess, within_s: float) -> bool:
        """Wait for its end; False if it had to be killed."""
        with suppress(TimeoutError):
            await asyncio.wait_for(process.exited.wait(), within_s)
            return True
        log.error("worker_killed", worker=self.number, pid=process.pid, not_ended_within_s=within_s)
        process.send_signal(signal.SIGKILL)
        await process.exited.wait()
        return False

    async def _back_off(self, process: WorkerProcess | None) -> None:
        seconds = min(_BACKOFF_S * 2 ** (self._failures - 1), _MAX_BACKOFF_S)
        if process is not None:
            log.error(
                "worker_ended",
                worker=self.number,
                pid=process.pid,
                exit_code=process.exit_code,
                started_again_after_s=seconds,
                remedy=_RESTART_REMEDY,
            )
        self._on_restart()
        await asyncio.sleep(seconds)
