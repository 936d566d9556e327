"""What takes long for a large body, in threads: other events are served meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import TypeVar

from bridge.aio.paced_calls import PacedCalls
from bridge.core.authorization import read_authorized
from bridge.core.decode.exact_json import count_containers
from bridge.core.encode_in_pieces import encode_in_pieces
from bridge.core.event import DecodedEvent, DedupStamp, Notification, Record
from bridge.core.outcome import DeliveryOutcome, DeliveryResult
from bridge.core.record import Routing, event_record

_R = TypeVar("_R")

# Between two bodies small events are served: twice as long as the first took to decode, and no longer.
_PAUSE_FACTOR, _PAUSE_MAX_S = 2.0, 0.05
# So many objects and arrays take 0.1 s to decode; nothing else in a body of 4 MiB takes over about 0.5 s.
_SLOW_CONTAINERS = 50_000


class LargeBodies:
    """Three threads: one decodes, one encodes, one decodes what takes long. For the event loop's thread.

    Of the first two only one computes at a time. A body of very many parts takes up to 3 s: whatever waited
    for it would not be answered in time.
    """

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self._decoder = _start_thread("large-bodies")
        self._slow_decoder = _start_thread("slow-bodies")
        # Behind all the bodies that wait to be decoded a record would come too late: it waits for one.
        self._encoder = _start_thread("large-records")
        self._computing = Lock()
        self._paced_decodes = PacedCalls(_PAUSE_FACTOR, _PAUSE_MAX_S)
        self._paced_slow_decodes = PacedCalls(_PAUSE_FACTOR, _PAUSE_MAX_S)
        self._is_stopped = False
        self._loop = asyncio.get_running_loop()

    async def decode(self, notification: Notification, size: int) -> DecodedEvent | DeliveryResult:
        """Decode as `read_authorized` does. Its small parts may take seconds.

        Its key is not known before: events of the same key that come meanwhile overtake it.
        """
        decode = partial(self._compute, partial(_decode_unless_slow, notification, size))
        decoded = await self._run(self._decoder, partial(self._paced_decodes.call, decode))
        if decoded is None:
            paced = partial(self._paced_slow_decodes.call, read_authorized, notification, size)
            decoded = await self._run(self._slow_decoder, paced)
        return decoded or DeliveryResult(
            DeliveryOutcome.DEFERRED, detail="the bridge stops, and has not read it"
        )

    async def encode(self, event: DecodedEvent, stamp: DedupStamp, notification: Notification) -> Record:
        """Encode the record of an event; on the event loop once the bridge stops."""
        encode = partial(event_record, event, stamp, notification, self._routing, encode_in_pieces)
        return await self._run(self._encoder, partial(self._compute, encode)) or encode()

    def stop(self) -> None:
        """Begin nothing more."""
        self._is_stopped = True
        for executor in (self._decoder, self._slow_decoder, self._encoder):
            executor.shutdown(wait=False, cancel_futures=True)

    def _compute(self, work: Callable[[], _R]) -> _R:
        """Do ``work``, in a thread, while the other one waits: one of both contends for the GIL."""
        with self._computing:
            return work()

    async def _run(self, executor: ThreadPoolExecutor, work: Callable[[], _R]) -> _R | None:
        """Do ``work`` in a thread; None where that is stopped before. Raises what it raises."""
        if not self._is_stopped:
            with suppress(asyncio.CancelledError):
                return await self._loop.run_in_executor(executor, work)
        return None


def _start_thread(name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)


def _decode_unless_slow(notification: Notification, size: int) -> DecodedEvent | DeliveryResult | None:
    """Decode it; None where that takes long."""
    if count_containers(notification.body) > _SLOW_CONTAINERS:
        return None
    return read_authorized(notification, size)
