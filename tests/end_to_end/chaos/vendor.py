"""The sender that behaves as the vendor does, at a steady rate, and notes every send and answer.

The vendor ignores status codes (reference §5): any answer ends a notification, whatever it says. Without
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
from tests.end_to_end.chaos.ledger import Kind, Ledger, Notice, Send
from tests.end_to_end.senders import VENDOR_SENDS, VENDOR_WAITS_S
from tests.rig.connection_pool import ConnectionPool

TICK_S = 0.01
AT_ONCE_MAX = 8_000


class Load(Struct, frozen=True, kw_only=True):
    """How much is told how fast, and the shares of what is not a new event of format 3.0."""

    per_s: float = 150.0
    keys: int = 400
    legacy: float = 0.06
    broken: float = 0.02
    again: float = 0.05


class _Answer(Struct):
    outcome: str = ""
    event_id: str = ""


class Vendor:
    """Tells notifications to ``doors`` in turn (a second send goes to the next one) and keeps ``ledger``.

    ``doors`` are URLs by the replica's number, `UNKNOWN` where a balancer chooses one.
    """

    def __init__(self, doors: Mapping[int, str], ledger: Ledger, load: Load, random: Random) -> None:
        self._doors = list(doors.items())
        self._ledger = ledger
        self._load = load
        self._random = random
        self._run = uuid.uuid4().hex[:6]
        self._sequences = {f"file-{self._run}-{number:05d}": 0 for number in range(load.keys)}
        self._idle = deque(self._sequences)
        self._settled: list[Notice] = []  # answered well: they may be told once more
        self._under_way: set[asyncio.Task[None]] = set()
        self._count = 0

    @property
    def under_way(self) -> int:
        """How many notifications wait for their answer."""
        return len(self._under_way)

    async def run(self, enough: asyncio.Event) -> None:
        """Tell notifications until there is enough; then wait until each is answered or given up."""
        begun, told = time.monotonic(), 0
        async with ConnectionPool() as lines:
            while not enough.is_set():
                due = int((time.monotonic() - begun) * self._load.per_s)
                for _ in range(told, due):
                    self._send_another(lines)
                told = due
                await asyncio.sleep(TICK_S)
            if self._under_way:
                await asyncio.wait(self._under_way)

    def _send_another(self, lines: ConnectionPool) -> None:
        """Begin one notification, of whatever kind chance says; none where too many wait."""
        chance, load = self._random.random(), self._load
        if len(self._under_way) >= AT_ONCE_MAX:
            self._ledger.held_back += 1
        elif chance < load.again and self._settled:
            self._begin(lines, self._random.choice(self._settled), again=True)
        elif load.again <= chance < load.again + load.broken:
            self._begin(lines, self._notice(Kind.BROKEN, "none"), again=False)
        elif self._idle:
            old = chance > 1 - load.legacy
            notice = self._notice(Kind.LEGACY if old else Kind.EVENT, self._idle.popleft())
            self._begin(lines, notice, again=False)
        else:
            self._ledger.held_back += 1

    def _notice(self, kind: Kind, key: str) -> Notice:
        self._count += 1
        sequence = 0
        if kind is not Kind.BROKEN:
            self._sequences[key] = sequence = self._sequences[key] + 1
        task = f"chaos-{self._run}-{self._count:07d}"
        notice = Notice(task=task, kind=kind, key=key, sequence=sequence)
        self._ledger.notices[task] = notice
        return notice

    def _begin(self, lines: ConnectionPool, notice: Notice, *, again: bool) -> None:
        task = asyncio.create_task(self._send(lines, notice, again=again))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _send(self, lines: ConnectionPool, notice: Notice, *, again: bool) -> None:
        body, first = body_of(notice), self._random.randrange(len(self._doors))
        for attempt in range(VENDOR_SENDS):
            due = time.monotonic() + VENDOR_WAITS_S
            replica, door = self._doors[(first + attempt) % len(self._doors)]
            send = await send_once(lines, (door, replica), notice.task, body)
            self._ledger.sends.append(replace(send, again=again))
            if send.status:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        if again:
            return
        if send.good:
            self._settled.append(notice)
        if notice.kind is not Kind.BROKEN:
            self._idle.append(notice.key)


async def send_once(lines: ConnectionPool, door: tuple[str, int], task: str, body: bytes) -> Send:
    """Send once to a door (its URL, whose it is), over a connection that lives while both sides let it."""
    begun, broken = time.time(), False
    try:
        async with asyncio.timeout(VENDOR_WAITS_S):
            status, text = await lines.post(f"{door[0]}/callbacks", body)
    except OSError as error:
        status, text, broken = 0, b"", not isinstance(error, TimeoutError)
    said = _read(text)
    return Send(
        task=task,
        begun=begun,
        ended=time.time(),
        replica=door[1],
        status=status,
        outcome=said.outcome,
        event_id=said.event_id,
        broken=broken,
    )


def _read(text: bytes) -> _Answer:
    try:
        return json.decode(text, type=_Answer)
    except DecodeError:
        return _Answer()
