"""The supervisor: starts the workers on one port, starts a dead one again, replaces them one after the other.

It takes no deliveries; Kafka and Redis are asked for the console alone, by a helper process. It holds the
listening sockets, so that no connection is refused while a worker is missing, and the admin endpoint, which
answers for all workers.
"""

import asyncio
import signal
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import uvloop

from bridge.console.deferred import DeferredConsole, build_console
from bridge.diagnostics.listen import start_listening
from bridge.io.admin import Admin
from bridge.io.http.connection_counts import ConnectionCounts
from bridge.io.http.listening import listen_for_ingress
from bridge.io.spool.directory import SpoolDirectory
from bridge.io.spool.folders import SUPERVISOR_FOLDER, lock_folder
from bridge.process import exit_despite_threads
from bridge.settings.settings import Settings, SettingsError, load
from bridge.startup import log_listening, log_stopping, log_weaknesses, prepare_process
from bridge.workers.keeper import SLOTS_A_WORKER, WorkerKeeper
from bridge.workers.process import Inherited
from bridge.workers.spool_change import spool_change
from bridge.workers.summary import WorkersSummary

if TYPE_CHECKING:
    from bridge.workers.console_view import WorkersView

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_ACCEPTING_S = 5.0  # for people: what `bridge.app` does
_STOP_S = 19.0  # a worker promises to end within it
_TICK_S = 1.0
_SPOOL_REMEDY = (
    "set it back and send SIGHUP again; to change it, stop the bridge, empty the folder with"
    " `vod-bridge drain`, and start it anew"
)


class Supervisor:
    """The supervisor of ``workers`` processes. ``config`` is the file of settings that they read, too."""

    def __init__(self, settings: Settings, workers: int, config: Path | None) -> None:
        self._settings = settings
        self._workers = workers
        self._config = str(config) if config else None
        self._keepers: list[WorkerKeeper] = []
        self._sockets: list[socket.socket] = []
        self._stop_requested = asyncio.Event()
        self._replace_requested = asyncio.Event()
        self._counts = ConnectionCounts.create(SLOTS_A_WORKER * workers)
        self._summary = WorkersSummary(workers, lambda: self._keepers)
        self._settings_of_workers = settings
        self._console = DeferredConsole(partial(build_console, self._make_view))
        self._admin = Admin(
            self._summary.readiness,
            self._summary.render,
            allowed_hosts=settings.admin.host_names,
            site=self._console,
        )

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT; returns the exit code.

        Raises `ListenError` if a port is taken, `SpoolLockedError` if another process has the spool's folder.
        """
        lock = self._lock_spool()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop_signal)
        loop.add_signal_handler(signal.SIGHUP, self._replace_requested.set)
        try:
            await self._start()
            tasks = [
                asyncio.create_task(self._tick()),
                asyncio.create_task(self._replace_on_request()),
                *(asyncio.create_task(keeper.run()) for keeper in self._keepers),
            ]
            stopping = asyncio.create_task(self._stop_requested.wait())
            ended, _ = await asyncio.wait((stopping, *tasks), return_when=asyncio.FIRST_COMPLETED)
            code = await self._stop(tasks)
            for bug in ended - {stopping}:  # not to go on half: whoever started us starts us again
                bug.result()
        finally:
            await self._console.stop()
            await self._admin.stop()
            for sock in self._sockets:
                sock.close()
            self._counts.close()
            if lock is not None:
                lock.unlock()
        log.info("stopped", workers=self._workers)
        return code

    def _lock_spool(self) -> SpoolDirectory | None:
        """Refuse what would share the spool's limit with us: another supervisor, or one process alone."""
        if not self._settings.spool.max_bytes:
            return None
        root = Path(self._settings.spool.path)
        try:
            lock_folder(root).unlock()
            return lock_folder(root / SUPERVISOR_FOLDER)
        except OSError:
            return None  # the workers try again, and report it

    async def _start(self) -> None:
        log_weaknesses(self._settings)
        http, admin = self._settings.http, self._settings.admin

        async def listen(host: str, port: int) -> int:
            self._sockets = await listen_for_ingress(host, port, http.write_timeout_s)
            bound: int = self._sockets[0].getsockname()[1]
            return bound

        http_port = await start_listening(listen, "HTTP", http.host, http.port)
        admin_port = await start_listening(self._admin.start, "ADMIN", admin.host, admin.port)
        inherited = Inherited(
            sockets=self._sockets, counts=self._counts, workers=self._workers, config=self._config
        )
        self._keepers = [
            WorkerKeeper(number, inherited, on_end=self._summary.on_end, on_restart=self._summary.on_restart)
            for number in range(1, self._workers + 1)
        ]
        log_listening(self._settings, http_port, admin_port, self._workers)

    def _on_stop_signal(self) -> None:
        if self._stop_requested.is_set():  # a second one does not wait for the last requests
            for keeper in self._keepers:
                keeper.send_signal(signal.SIGTERM, retiring=True)
        self._stop_requested.set()

    async def _stop(self, tasks: "list[asyncio.Task[None]]") -> int:
        self._summary.stopping = True
        log_stopping(_ACCEPTING_S)
        for keeper in self._keepers:
            keeper.stop()
        for task in tasks:
            task.cancel()
        ending = [asyncio.create_task(keeper.wait_for_end(_STOP_S)) for keeper in self._keepers]
        await self._console.stop()
        return max(await asyncio.gather(*ending), default=0)

    async def _tick(self) -> None:
        """Count how long each worker has been silent, in seconds that we were running."""
        while True:
            await asyncio.sleep(_TICK_S)
            for keeper in self._keepers:
                keeper.check_silence()

    def _make_view(self) -> "WorkersView":
        from bridge.workers.console_view import WorkersView  # noqa: PLC0415 - imported when somebody looks first

        return WorkersView(lambda: self._settings_of_workers, self._summary, lambda: self._keepers)

    def _reload(self) -> Settings:
        """Return the settings that new workers read."""
        with suppress(SettingsError, OSError):  # the new worker reports that, and the roll ends
            reloaded = load(Path(self._config) if self._config else None)
            if problem := spool_change(self._settings, reloaded):
                log.error("spool_change_needs_restart", problem=problem, remedy=_SPOOL_REMEDY)
            # What the supervisor holds needs a restart.
            return reloaded.model_copy(update={"admin": self._settings.admin, "http": self._settings.http})
        return self._settings

    async def _replace_on_request(self) -> None:
        """Replace all workers, one after the other, each time that it is asked for."""
        while True:
            await self._replace_requested.wait()
            self._replace_requested.clear()
            reloaded = self._reload()
            log.info("workers_replacing", workers=self._workers)
            for keeper in self._keepers:
                if not await keeper.replace():
                    log.error(
                        "workers_replacing_stopped",
                        note="this worker and those behind it go on as they were",
                        remedy="see the lines above, and send SIGHUP again",
                        worker=keeper.number,
                    )
                    break
            else:
                self._settings_of_workers = reloaded
                self._console.use_settings(reloaded)
                log.info("workers_replaced", workers=self._workers)


def supervise_workers(settings: Settings, workers: int, config: Path | None) -> int:
    """Run ``workers`` processes until a signal ends them; returns the exit code."""
    prepare_process(settings)

    async def run() -> int:
        return await Supervisor(settings, workers, config).run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(run())
    exit_despite_threads(code)
    return code
