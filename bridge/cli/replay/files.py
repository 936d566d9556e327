"""Delivers raw notifications from files through the pipeline.

A file has no time of reception: the event's time is that of the replay. A rejected notification stays in the
file, and becomes no dead letter. The progress is a number that is printed, to be given as ``--skip``.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bridge.cli.support.input_files import InputNotification, read_notifications
from bridge.core.event import Notification
from bridge.operations.pipeline_session import PipelineSession, open_session
from bridge.operations.replay.common import (
    CHUNK_MAX,
    ReplayStoppedError,
    chunks,
    deliver_all,
    deliver_one,
    predict,
)
from bridge.operations.replay.report import ItemResult, Reporter
from bridge.settings.settings import Settings
from bridge.wiring import now_ms


class FileSelection(Struct, frozen=True, kw_only=True):
    """The notifications of ``files`` but for the first ``skip``, of the application ``app``."""

    files: Sequence[Path]
    app: str
    skip: int = 0
    fail_open: bool = False


class FileReplay:
    """The replay of files. ``completed`` counts what is done, in order, skipped ones included."""

    unit = "notifications"

    def __init__(self, settings: Settings, selection: FileSelection) -> None:
        self._settings = settings
        self._selection = selection
        # No signature is checked: the caller names the application.
        self._application = replace(settings.applications()[selection.app], sign_keys=())
        self._notifications: Iterator[InputNotification] = islice(
            read_notifications(selection.files), selection.skip, None
        )
        self.completed = selection.skip
        self._read_error = ""

    @property
    def resume_hint(self) -> str:
        """How to resume after a stop."""
        return f"--skip {self.completed} goes on from there"

    def has_more_than(self, limit: int) -> bool:
        """Whether there are more than ``limit``; those read for that are kept."""
        first = self._read_next(limit + 1)
        self._notifications = chain(first, self._notifications)
        return len(first) > limit

    async def plan(self, reporter: Reporter) -> None:
        """Report what would be done; write nothing."""
        while found := self._read_next(CHUNK_MAX):
            for one in found:
                reporter.add_result(predict(one.origin, one.body))
            reporter.set_done(reporter.summary.processed)
        self._raise_if_unreadable()

    async def run(self, reporter: Reporter, stop_event: asyncio.Event) -> None:
        """Deliver them."""
        async with open_session(self._settings, fail_open=self._selection.fail_open) as session:
            while found := await _or_stopped(
                stop_event, _in_daemon_thread(lambda: self._read_next(CHUNK_MAX))
            ):
                for chunk in chunks(found, _size_bytes):
                    if stop_event.is_set():
                        raise ReplayStoppedError("interrupted")
                    await self._deliver_chunk(chunk, session, reporter)
                    reporter.set_done(self.completed - self._selection.skip)
        self._raise_if_unreadable()

    def _read_next(self, max_items: int) -> list[InputNotification]:
        """Read up to ``max_items``; where a file cannot be read, return those before it, and then none."""
        found: list[InputNotification] = []
        try:
            found.extend(
                islice(self._notifications, max_items)
            )  # extend() keeps what was read before an error
        except OSError as error:
            self._read_error = f"cannot read {error.filename or 'a file'}: {error.strerror}"
        return found

    def _raise_if_unreadable(self) -> None:
        if self._read_error:
            raise ReplayStoppedError(self._read_error)

    async def _deliver_chunk(
        self, chunk: Sequence[InputNotification], session: PipelineSession, reporter: Reporter
    ) -> None:
        for result in await deliver_all([self._deliver(found, session) for found in chunk], reporter):
            if isinstance(result, BaseException):
                raise result
            self.completed += 1

    async def _deliver(self, found: InputNotification, session: PipelineSession) -> ItemResult:
        notification = Notification(
            application=self._application, body=found.body, received_ms=now_ms(), mode="replay"
        )
        return await deliver_one(session, notification, found.origin)


def _in_daemon_thread(
    read_batch: Callable[[], list[InputNotification]],
) -> "asyncio.Future[list[InputNotification]]":
    """Read in a daemon thread: a read from a terminal must not prevent the exit."""
    loop = asyncio.get_running_loop()
    batch: asyncio.Future[list[InputNotification]] = loop.create_future()

    def resolve(found: list[InputNotification]) -> None:
        if not batch.done():
            batch.set_result(found)

    def read() -> None:
        found = read_batch()
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(resolve, found)

    threading.Thread(target=read, daemon=True).start()
    return batch


async def _or_stopped(
    stop_event: asyncio.Event, batch: "asyncio.Future[list[InputNotification]]"
) -> list[InputNotification]:
    """Wait for the batch; raises `ReplayStoppedError` if ``stop_event`` is set before."""
    stop_wait = asyncio.ensure_future(stop_event.wait())
    await asyncio.wait((batch, stop_wait), return_when=asyncio.FIRST_COMPLETED)
    stop_wait.cancel()
    if not batch.done():
        raise ReplayStoppedError("interrupted")
    return batch.result()


def _size_bytes(found: InputNotification) -> int:
    return len(found.body)
