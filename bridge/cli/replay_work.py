"""What all replays share: a chunk at a time, its ends told, and where it has to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from bridge.cli.journeys import Parts
from bridge.cli.replay_report import APART, End, Teller
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult, RejectedError

CHUNK = 200
_CHUNK_BYTES = 4 * 1024 * 1024
_SAME_WITHIN_MS = 60_000

T = TypeVar("T")


class Stopped(Exception):  # noqa: N818 - it says what happened, not that something broke
    """The replay cannot go on, and why."""


class Work(Protocol):
    """One kind of replay."""

    @property
    def what(self) -> str:
        """What is replayed, in the plural."""

    @property
    def again(self) -> str:
        """How to go on where it was stopped."""

    async def plan(self, teller: Teller) -> None:
        """Look at all of it, and write nothing."""

    async def run(self, teller: Teller, enough: asyncio.Event) -> None:
        """Do it; end early, in good order, once ``enough`` is set. Raises `Stopped`."""


@asynccontextmanager
async def interruptible() -> AsyncIterator[asyncio.Event]:
    """Give an event that Ctrl-C and SIGTERM set, instead of ending the program."""
    loop, enough = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, enough.set)
    try:
        yield enough
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def chunks(items: Sequence[T], size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """Cut ``items`` into what is sent at once: so many, and so many bytes at most (or one)."""
    begin = held = 0
    for at, item in enumerate(items):
        held += size(item)
        if at > begin and (at - begin == CHUNK or held > _CHUNK_BYTES):
            yield items[begin:at]
            begin, held = at, size(item)
    if begin < len(items):
        yield items[begin:]


def foreseen(origin: str, body: bytes) -> End:
    """Tell how a body would end, as far as its bytes alone tell."""
    try:
        event = read_event(open_envelope(body))
    except RejectedError as rejected:
        return End(origin, str(DeliveryOutcome.REJECTED), reason=str(rejected.reason), name=rejected.detail)
    return End(origin, str(DeliveryOutcome.PUBLISHED), type=event.type, name=event.identity.key)


async def carried(parts: Parts, notification: Notification, origin: str) -> End:
    """Take a notification through the journey. Raises `Stopped` where nothing durable takes it."""
    outcome = await parts.pipeline.deliver(notification)
    if outcome.outcome is DeliveryOutcome.DEFERRED:
        raise Stopped(parts.missing or outcome.detail)
    ending = APART if _is_another(outcome, notification.received_ms) else str(outcome.outcome)
    reason, name = outcome.reason, outcome.event_id or outcome.detail
    return End(origin, ending, type=outcome.event_type, reason=reason, name=name)


def _is_another(outcome: DeliveryResult, received_ms: int) -> bool:
    """Tell whether a duplicate is one only because what lay far apart now comes close together.

    An event that may truly happen again is remembered for a minute, and its id tells when it first came.
    """
    first = outcome.event_id.rpartition("@")[2]
    apart = outcome.outcome is DeliveryOutcome.DUPLICATE and "@" in outcome.event_id and first.isdigit()
    return apart and abs(int(first) - received_ms) > _SAME_WITHIN_MS
