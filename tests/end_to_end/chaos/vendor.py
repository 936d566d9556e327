"""The sender that behaves as the vendor does, at a steady rate, and notes every send and answer.

The vendor ignores status codes (reference §5): any answer ends a notification, whatever its status. Without
one, be it for its 5 s time-out or for a refused or broken connection, it sends the same bytes again when
those 5 s are over, three times in all. Of one key the next notification is begun only when the one before
was answered or given up, so that the order of a key is well defined; many keys are under way at once.
"""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Mapping
from random import Random

from msgspec import DecodeError, Struct, json
from msgspec.structs import replace

from tests.end_to_end.chaos.bodies import body_of
from tests.end_to_end.chaos.ledger import Kind, Ledger, Notification, Send
from tests.end_to_end.senders import VENDOR_SENDS, VENDOR_WAITS_S
from tests.rig.connection_pool import ConnectionPool

TICK_S = 0.01
AT_ONCE_MAX = 8_000


class Load(Struct, frozen=True, kw_only=True):
    """How much is sent how fast, and the shares of what is not a new event of format 3.0."""

    per_s: float = 150.0
    keys: int = 400
    legacy: float = 0.06
    broken: float = 0.02
    again: float = 0.05


class _Answer(Struct):
    outcome: str = ""
    event_id: str = ""


class Vendor:
    """Sends notifications to ``targets`` in turn (a second send goes to the next one) and keeps ``ledger``.

    ``targets`` are URLs by the replica's number, `UNKNOWN` where a balancer chooses one.
    """

    def __init__(self, targets: Mapping[int, str], ledger: Ledger, load: Load, random: Random) -> None:
        self._targets = list(targets.items())
        self._ledger = ledger
        self._load = load
        self._random = random
        self._run = uuid.uuid4().hex[:6]
        self._sequences = {f"file-{self._run}-{number:05d}": 0 for number in range(load.keys)}
        self._idle_keys = deque(self._sequences)
        self._settled: list[Notification] = []  # answered well: they may be sent once more
        self._under_way: set[asyncio.Task[None]] = set()
        self._count = 0

    @property
    def under_way(self) -> int:
        """How many notifications wait for their answer."""
        return len(self._under_way)

    async def run(self, enough: asyncio.Event) -> None:
        """Send notifications until there is enough; then wait until each is answered or given up."""
        begun, sent = time.monotonic(), 0
        async with ConnectionPool() as connections:
            while not enough.is_set():
                due = int((time.monotonic() - begun) * self._load.per_s)
                for _ in range(sent, due):
                    self._send_another(connections)
                sent = due
                await asyncio.sleep(TICK_S)
            if self._under_way:
                await asyncio.wait(self._under_way)

    def _send_another(self, connections: ConnectionPool) -> None:
        """Begin one notification, of whatever kind chance says; none where too many wait."""
        chance, load = self._random.random(), self._load
        if len(self._under_way) >= AT_ONCE_MAX:
            self._ledger.held_back += 1
        elif chance < load.again and self._settled:
            self._begin(connections, self._random.choice(self._settled), again=True)
        elif load.again <= chance < load.again + load.broken:
            self._begin(connections, self._new_notification(Kind.BROKEN, "none"), again=False)
        elif self._idle_keys:
            old = chance > 1 - load.legacy
            notification = self._new_notification(
                Kind.LEGACY if old else Kind.EVENT, self._idle_keys.popleft()
            )
            self._begin(connections, notification, again=False)
        else:
            self._ledger.held_back += 1

    def _new_notification(self, kind: Kind, key: str) -> Notification:
        self._count += 1
        sequence = 0
        if kind is not Kind.BROKEN:
            self._sequences[key] = sequence = self._sequences[key] + 1
        task = f"chaos-{self._run}-{self._count:07d}"
        notification = Notification(task=task, kind=kind, key=key, sequence=sequence)
        self._ledger.notifications[task] = notification
        return notification

    def _begin(self, connections: ConnectionPool, notification: Notification, *, again: bool) -> None:
        task = asyncio.create_task(self._send(connections, notification, again=again))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _send(self, connections: ConnectionPool, notification: Notification, *, again: bool) -> None:
        body, first = body_of(notification), self._random.randrange(len(self._targets))
        for attempt in range(VENDOR_SENDS):
            due = time.monotonic() + VENDOR_WAITS_S
            replica, target = self._targets[(first + attempt) % len(self._targets)]
            send = await send_once(connections, (target, replica), notification.task, body)
            self._ledger.sends.append(replace(send, again=again))
            if send.status:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        if again:
            return
        if send.good:
            self._settled.append(notification)
        if notification.kind is not Kind.BROKEN:
            self._idle_keys.append(notification.key)


async def send_once(connections: ConnectionPool, target: tuple[str, int], task: str, body: bytes) -> Send:
    """Send once to a target (its URL, whose it is), over a connection that lives while both sides let it."""
    begun, broken = time.time(), False
    try:
        async with asyncio.timeout(VENDOR_WAITS_S):
            status, text = await connections.post(f"{target[0]}/callbacks", body)
    except OSError as error:
        status, text, broken = 0, b"", not isinstance(error, TimeoutError)
    answer = _read(text)
    return Send(
        task=task,
        begun=begun,
        ended=time.time(),
        replica=target[1],
        status=status,
        outcome=answer.outcome,
        event_id=answer.event_id,
        broken=broken,
    )


def _read(text: bytes) -> _Answer:
    try:
        return json.decode(text, type=_Answer)
    except DecodeError:
        return _Answer()
