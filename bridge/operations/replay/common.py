"""What all replays share: delivery in chunks, results, and the conditions that stop one."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult, RejectedError
from bridge.operations.pipeline_session import PipelineSession
from bridge.operations.replay.report import TOO_SOON, ItemResult, Reporter

CHUNK_MAX = 200
_CHUNK_MAX_BYTES = 4 * 1024 * 1024
_OCCURRENCE_WINDOW_MS = 60_000

T = TypeVar("T")


class ReplayStoppedError(Exception):
    """The replay cannot continue; the text is the reason."""


class Replay(Protocol):
    """One kind of replay."""

    @property
    def unit(self) -> str:
        """What is replayed, in the plural."""

    @property
    def resume_hint(self) -> str:
        """How to resume after a stop."""

    async def plan(self, reporter: Reporter) -> None:
        """Report what would be done; write nothing."""

    async def run(self, reporter: Reporter, stop_event: asyncio.Event) -> None:
        """Replay; end cleanly once ``stop_event`` is set. Raises `ReplayStoppedError`."""


@asynccontextmanager
async def stop_event_on_signals() -> AsyncIterator[asyncio.Event]:
    """Yield an event that Ctrl-C and SIGTERM set, instead of ending the program."""
    loop, stop_event = asyncio.get_running_loop(), asyncio.Event()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in handlers:
        loop.add_signal_handler(number, stop_event.set)
    try:
        yield stop_event
    finally:
        for number, handler in handlers.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)  # else Ctrl-C would raise within the loop from here on


def chunks(items: Sequence[T], size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """Split ``items`` by number and by bytes; an item above the limit is a chunk of its own."""
    begin = chunk_bytes = 0
    for at, item in enumerate(items):
        chunk_bytes += size(item)
        if at > begin and (at - begin == CHUNK_MAX or chunk_bytes > _CHUNK_MAX_BYTES):
            yield items[begin:at]
            begin, chunk_bytes = at, size(item)
    if begin < len(items):
        yield items[begin:]


def predict(origin: str, body: bytes) -> ItemResult:
    """Predict a body's outcome, as far as its bytes alone allow."""
    try:
        event = read_event(open_envelope(body))
    except RejectedError as rejected:
        return ItemResult(
            origin, str(DeliveryOutcome.REJECTED), reason=str(rejected.reason), name=rejected.detail
        )
    return ItemResult(origin, str(DeliveryOutcome.PUBLISHED), type=event.type, name=event.identity.key)


async def deliver_all(
    deliveries: Iterable[Awaitable[ItemResult]], reporter: Reporter
) -> list[ItemResult | BaseException]:
    """Deliver concurrently, in their order, and report what ended; an error stands in its result's place."""
    results = await asyncio.gather(*deliveries, return_exceptions=True)
    for result in results:
        if isinstance(result, ItemResult):
            reporter.add_result(result)
    return results


async def deliver_one(session: PipelineSession, notification: Notification, origin: str) -> ItemResult:
    """Deliver a notification through the pipeline. Raises `ReplayStoppedError` where it is deferred."""
    result = await session.pipeline.deliver(notification)
    if result.outcome is DeliveryOutcome.DEFERRED:
        raise ReplayStoppedError(session.missing_topics_hint or result.detail)
    outcome_name = TOO_SOON if _recurs_too_soon(result, notification.received_ms) else str(result.outcome)
    reason, name = result.reason, result.event_id or result.detail
    return ItemResult(origin, outcome_name, type=result.event_type, reason=reason, name=name)


def _recurs_too_soon(result: DeliveryResult, received_ms: int) -> bool:
    """Whether a duplicate is one only because occurrences far apart are replayed close together.

    The claim of an event that may recur lasts a minute, and its id shows when it first came.
    """
    first_seen_ms = result.event_id.rpartition("@")[2]
    may_recur = (
        result.outcome is DeliveryOutcome.DUPLICATE and "@" in result.event_id and first_seen_ms.isdigit()
    )
    return may_recur and abs(int(first_seen_ms) - received_ms) > _OCCURRENCE_WINDOW_MS
