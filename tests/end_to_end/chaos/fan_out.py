"""A sender to all replicas: the same bytes to all replicas at once, again later, and all at the end.

Whichever replica is first, an event is published once.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random

from msgspec.structs import replace

from tests.end_to_end.chaos.bodies import body_of
from tests.end_to_end.chaos.ledger import Kind, Ledger, Notification
from tests.end_to_end.chaos.vendor import send_once
from tests.rig.connection_pool import ConnectionPool

AT_ONCE = 50


class FanOutSender:
    """Sends ``per_s`` notifications a second to all ``targets`` (URLs by replica), and keeps ``ledger``."""

    def __init__(
        self, targets: Callable[[], Mapping[int, str]], ledger: Ledger, random: Random, per_s: float
    ) -> None:
        self.notifications: list[Notification] = []
        self._targets = targets
        self._ledger = ledger
        self._random = random
        self._every_s = 1 / per_s
        self._run = uuid.uuid4().hex[:6]

    @asynccontextmanager
    async def sent(self) -> AsyncIterator[None]:
        """Send for as long as this lasts; at its end everything once more to whoever is left."""
        async with ConnectionPool() as connections:
            telling = asyncio.create_task(self._go_on(connections))
            try:
                yield
            finally:
                telling.cancel()
                await asyncio.wait([telling])
            for first in range(0, len(self.notifications), AT_ONCE):
                some = self.notifications[first : first + AT_ONCE]
                await asyncio.gather(
                    *(self._send(connections, notification, again=True) for notification in some)
                )

    async def _go_on(self, connections: ConnectionPool) -> None:
        async with asyncio.TaskGroup() as under_way:
            try:
                while True:
                    old = self._random.choice(self.notifications) if self.notifications else None
                    if old is not None:
                        under_way.create_task(self._send(connections, old, again=True))
                    under_way.create_task(self._send(connections, self._new_notification(), again=False))
                    await asyncio.sleep(self._every_s)
            except asyncio.CancelledError:
                pass  # what is under way is waited for

    def _new_notification(self) -> Notification:
        number = len(self.notifications)
        kind = Kind.LEGACY if number % 4 == 0 else Kind.EVENT
        notification = Notification(
            task=f"chaos-{self._run}-{number:07d}", kind=kind, key=f"file-{self._run}-{number:05d}"
        )
        self._ledger.notifications[notification.task] = notification
        self.notifications.append(notification)
        return notification

    async def _send(self, connections: ConnectionPool, notification: Notification, *, again: bool) -> None:
        body = body_of(notification)
        sends = await asyncio.gather(
            *(
                send_once(connections, (url, number), notification.task, body)
                for number, url in self._targets().items()
            )
        )
        first, *others = [replace(send, again=again) for send in sends]
        self._ledger.sends += [first, *(replace(send, again=True) for send in others)]
