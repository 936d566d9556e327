"""A sender that tells everyone: the same bytes to all replicas at once, again later, and all at the end.

Whichever replica is first, an event stands in Kafka once.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random

from msgspec.structs import replace

from tests.end_to_end.chaos.bodies import body_of
from tests.end_to_end.chaos.ledger import Kind, Ledger, Notice
from tests.end_to_end.chaos.vendor import send_once
from tests.rig.connection_pool import ConnectionPool

AT_ONCE = 50


class Echo:
    """Tells ``per_s`` notifications a second to all ``doors`` (URLs by replica), and keeps ``ledger``."""

    def __init__(
        self, doors: Callable[[], Mapping[int, str]], ledger: Ledger, random: Random, per_s: float
    ) -> None:
        self.told: list[Notice] = []
        self._doors = doors
        self._ledger = ledger
        self._random = random
        self._every_s = 1 / per_s
        self._run = uuid.uuid4().hex[:6]

    @asynccontextmanager
    async def sent(self) -> AsyncIterator[None]:
        """Tell for as long as this lasts; at its end everything once more to whoever is left."""
        async with ConnectionPool() as lines:
            telling = asyncio.create_task(self._go_on(lines))
            try:
                yield
            finally:
                telling.cancel()
                await asyncio.wait([telling])
            for first in range(0, len(self.told), AT_ONCE):
                some = self.told[first : first + AT_ONCE]
                await asyncio.gather(*(self._send(lines, notice, again=True) for notice in some))

    async def _go_on(self, lines: ConnectionPool) -> None:
        async with asyncio.TaskGroup() as under_way:
            try:
                while True:
                    old = self._random.choice(self.told) if self.told else None
                    if old is not None:
                        under_way.create_task(self._send(lines, old, again=True))
                    under_way.create_task(self._send(lines, self._notice(), again=False))
                    await asyncio.sleep(self._every_s)
            except asyncio.CancelledError:
                pass  # what is under way is waited for

    def _notice(self) -> Notice:
        number = len(self.told)
        kind = Kind.LEGACY if number % 4 == 0 else Kind.EVENT
        notice = Notice(
            task=f"chaos-{self._run}-{number:07d}", kind=kind, key=f"file-{self._run}-{number:05d}"
        )
        self._ledger.notices[notice.task] = notice
        self.told.append(notice)
        return notice

    async def _send(self, lines: ConnectionPool, notice: Notice, *, again: bool) -> None:
        body = body_of(notice)
        sends = await asyncio.gather(
            *(send_once(lines, (url, number), notice.task, body) for number, url in self._doors().items())
        )
        first, *others = [replace(send, again=again) for send in sends]
        self._ledger.sends += [first, *(replace(send, again=True) for send in others)]
