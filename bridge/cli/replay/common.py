"""What all replays share: a chunk at a time, its ends told, and where it has to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from bridge.cli.replay.report import TOO_SOON, ItemResult, Reporter
from bridge.cli.support.pipeline_session import PipelineSession
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult, RejectedError

CHUNK_MAX = 200
_CHUNK_MAX_BYTES = 4 * 1024 * 1024
_OCCURRENCE_WINDOW_MS = 60_000

T = TypeVar("T")


class ReplayStoppedError(Exception):
    """The replay cannot go on, and why."""


class Replay(Protocol):
    """One kind of replay."""

    @property
    def unit(self) -> str:
        """What is replayed, in the plural."""

    @property
    def resume_hint(self) -> str:
        """How to go on where it was stopped."""

    async def plan(self, reporter: Reporter) -> None:
        """Look at all of it, and write nothing."""

    async def run(self, reporter: Reporter, stop_event: asyncio.Event) -> None:
        """Do it; end early, in good order, once ``enough`` is set. Raises `Stopped`."""


@asynccontextmanager
async def stop_event_on_signals() -> AsyncIterator[asyncio.Event]:
    """Give an event that Ctrl-C and SIGTERM set, instead of ending the program."""
    loop, stop_event = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop_event.set)
    try:
        yield stop_event
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def chunks(items: Sequence[T], size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """Cut ``items`` into what is sent at once: so many, and so many bytes at most (or one)."""
    begin = chunk_bytes = 0
    for at, item in enumerate(items):
        chunk_bytes += size(item)
        if at > begin and (at - begin == CHUNK_MAX or chunk_bytes > _CHUNK_MAX_BYTES):
            yield items[begin:at]
            begin, chunk_bytes = at, size(item)
    if begin < len(items):
        yield items[begin:]


def predict(origin: str, body: bytes) -> ItemResult:
    """Tell how a body would end, as far as its bytes alone tell."""
    try:
        event = read_event(open_envelope(body))
    except RejectedError as rejected:
        return ItemResult(
            origin, str(DeliveryOutcome.REJECTED), reason=str(rejected.reason), name=rejected.detail
        )
    return ItemResult(origin, str(DeliveryOutcome.PUBLISHED), type=event.type, name=event.identity.key)


async def deliver_one(session: PipelineSession, notification: Notification, origin: str) -> ItemResult:
    """Take a notification through the journey. Raises `Stopped` where nothing durable takes it."""
    result = await session.pipeline.deliver(notification)
    if result.outcome is DeliveryOutcome.DEFERRED:
        raise ReplayStoppedError(session.missing_topics_hint or result.detail)
    outcome_name = TOO_SOON if _recurs_too_soon(result, notification.received_ms) else str(result.outcome)
    reason, name = result.reason, result.event_id or result.detail
    return ItemResult(origin, outcome_name, type=result.event_type, reason=reason, name=name)


def _recurs_too_soon(result: DeliveryResult, received_ms: int) -> bool:
    """Tell whether a duplicate is one only because what lay far apart now comes close together.

    An event that may truly happen again is remembered for a minute, and its id tells when it first came.
    """
    first_seen_ms = result.event_id.rpartition("@")[2]
    may_recur = (
        result.outcome is DeliveryOutcome.DUPLICATE and "@" in result.event_id and first_seen_ms.isdigit()
    )
    return may_recur and abs(int(first_seen_ms) - received_ms) > _OCCURRENCE_WINDOW_MS
