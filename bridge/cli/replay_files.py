"""Files of raw notifications, through the journey.

A file tells no time: the event's is that of the replay. What it rejects stays in the file, and is on no topic
of dead letters. How far it came is a number that is told, to be typed again.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bridge.cli.journeys import Parts, parts
from bridge.cli.replay_report import End, Teller
from bridge.cli.replay_work import CHUNK, Stopped, carried, chunks, foreseen
from bridge.cli.sources import Sourced, notifications_of
from bridge.core.event import Notification
from bridge.settings.settings import Settings
from bridge.wiring import now_ms


class Wish(Struct, frozen=True, kw_only=True):
    """Which notifications: those of ``files`` but for the first ``skip``, of the application ``app``."""

    files: Sequence[Path]
    app: str
    skip: int = 0
    unchecked: bool = False


class Files:
    """The replay of files. ``done`` counts what came to its end, in order, those skipped included."""

    what = "notifications"

    def __init__(self, settings: Settings, wish: Wish) -> None:
        self._settings = settings
        self._wish = wish
        # Whoever has the file and types its application's name vouches for it.
        self._app = replace(settings.applications()[wish.app], sign_keys=())
        self._found: Iterator[Sourced] = islice(notifications_of(wish.files), wish.skip, None)
        self.done = wish.skip
        self._broken = ""

    @property
    def again(self) -> str:
        """How to go on where it was stopped."""
        return f"--skip {self.done} goes on from there"

    def more_than(self, most: int) -> bool:
        """Whether there are more than so many; those that had to be read for that are kept."""
        first = self._read(most + 1)
        self._found = chain(first, self._found)
        return len(first) > most

    async def plan(self, teller: Teller) -> None:
        """Look at all of them, and write nothing."""
        while found := self._read(CHUNK):
            for one in found:
                teller.end(foreseen(one.origin, one.body))
            teller.move(teller.tally.looked_at)
        self._see_whether_all_was_read()

    async def run(self, teller: Teller, enough: asyncio.Event) -> None:
        """Bring them in."""
        async with parts(self._settings, unchecked=self._wish.unchecked) as bridge:
            while found := await _unless(enough, _aside(lambda: self._read(CHUNK))):
                for chunk in chunks(found, _size):
                    if enough.is_set():
                        raise Stopped("interrupted")
                    await self._carry(chunk, bridge, teller)
                    teller.move(self.done - self._wish.skip)
        self._see_whether_all_was_read()

    def _read(self, most: int) -> list[Sourced]:
        """Read on; where a file breaks off, give what came before that, and then nothing."""
        found: list[Sourced] = []
        try:
            found.extend(islice(self._found, most))  # what it has taken stays, whatever it meets then
        except OSError as error:
            self._broken = f"cannot read {error.filename or 'a file'}: {error.strerror}"
        return found

    def _see_whether_all_was_read(self) -> None:
        if self._broken:
            raise Stopped(self._broken)

    async def _carry(self, chunk: Sequence[Sourced], bridge: Parts, teller: Teller) -> None:
        ends = await asyncio.gather(
            *(self._through(found, bridge) for found in chunk), return_exceptions=True
        )
        for end in ends:
            if isinstance(end, End):
                teller.end(end)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
            self.done += 1

    async def _through(self, found: Sourced, bridge: Parts) -> End:
        notification = Notification(
            application=self._app, body=found.body, received_ms=now_ms(), mode="replay"
        )
        return await carried(bridge, notification, found.origin)


def _aside(take: Callable[[], list[Sourced]]) -> "asyncio.Future[list[Sourced]]":
    """Read on a daemon: a terminal that nobody types into must not keep the program from ending."""
    loop = asyncio.get_running_loop()
    taken: asyncio.Future[list[Sourced]] = loop.create_future()

    def settle(found: list[Sourced]) -> None:
        if not taken.done():
            taken.set_result(found)

    def read() -> None:
        found = take()
        with suppress(RuntimeError):  # the loop is closed: nobody waits for this any more
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=read, daemon=True).start()
    return taken


async def _unless(enough: asyncio.Event, taken: "asyncio.Future[list[Sourced]]") -> list[Sourced]:
    """Wait for what is read, unless it is enough before."""
    had_enough = asyncio.ensure_future(enough.wait())
    await asyncio.wait((taken, had_enough), return_when=asyncio.FIRST_COMPLETED)
    had_enough.cancel()
    if not taken.done():
        raise Stopped("interrupted")
    return taken.result()


def _size(found: Sourced) -> int:
    return len(found.body)
