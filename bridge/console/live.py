"""Recent deliveries, as a list and live: of this bridge, and of the other replicas.

A live stream looks at the rings a few times a second: deliveries pay nothing for who watches, and what a slow
reader misses is counted, not kept. Other replicas are asked every two seconds while somebody looks.
"""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress

from aiohttp import web
from msgspec.structs import replace

from bridge.console.answers import Deliveries
from bridge.console.call import Call, EventStream
from bridge.console.cursor import Cursor, parse_cursor
from bridge.console.peers import Fetched, PeerDeliveries, PeerQuery
from bridge.console.problem import ProblemError
from bridge.console.view import OwnDeliveries, newest
from bridge.observability.recent_deliveries import DeliveryFilter, DeliverySummary

DEFAULT_LIMIT = 200

_INTERVAL_S = 0.25
_PEERS_INTERVAL_S = 2.0
_SENT_MAX = 50  # in one message: more nobody can read, and the browser must draw them
_KEEP_ALIVE_S = 15.0


async def recent_deliveries(call: Call) -> Deliveries:
    """Return the recent deliveries that the query asks for, the newest first."""
    limit = call.query_number("limit", DEFAULT_LIMIT, least=1)
    after, wanted = _after(call), filter_of(call)
    query = PeerQuery(after=after.peers, wanted=wanted, limit=limit)
    peers = call.parts.peers
    # At once with the workers: they have the same second.
    asking = asyncio.ensure_future(peers.fetch_deliveries(query)) if call.asks_peers else None
    try:
        own = await call.parts.bridge.deliveries(after.own, wanted, limit)
        theirs = peers.read_deliveries(await asking, query) if asking else PeerDeliveries()
    finally:
        if asking is not None:
            asking.cancel()
    found = _merged(call, own, theirs, limit)
    return replace(found, deliveries=found.deliveries[::-1])


async def stream_deliveries(call: Call) -> web.StreamResponse:
    """Stream what comes, from ``after`` or Last-Event-ID on, the oldest first, until the client leaves."""
    last_id = parse_cursor(call.request.headers.get("Last-Event-ID", ""))
    after = _after(call) if last_id is None or last_id.own is None else last_id
    _ = call.asks_peers  # what is wrong with the query is answered before the stream begins
    async with call.event_stream() as stream:
        await stream.keep_alive()
        with suppress(ConnectionError, TimeoutError):
            await _DeliveryStream(call, stream, after).run()
        return stream.response


async def deliveries_of_task(call: Call, task_id: str) -> Sequence[DeliverySummary]:
    """Return the recent deliveries of a task, here and at the other replicas."""
    wanted, parts = DeliveryFilter(task_id=task_id), call.parts
    own = await parts.bridge.deliveries(None, wanted, 1)
    if own.summaries or not parts.peers.configured:
        return own.summaries
    query = PeerQuery(after={}, wanted=wanted, limit=1)
    return parts.peers.read_deliveries(await parts.peers.fetch_deliveries(query), query).summaries


def filter_of(call: Call) -> DeliveryFilter:
    """Return the filter that the query describes."""
    return DeliveryFilter(
        application=call.query("application"),
        type=call.query("type"),
        outcome=call.query("outcome"),
        file_id=call.query("file"),
        task_id=call.query("task"),
    )


class _DeliveryStream:
    """One reader's stream, and how far it is."""

    def __init__(self, call: Call, stream: EventStream, after: Cursor) -> None:
        self._call = call
        self._stream = stream
        self._wanted = filter_of(call)
        self._numbers = after.own
        self._cursors = after.peers
        self._silence: tuple[list[int], list[str]] = ([], [])
        self._asking: asyncio.Task[list[Fetched]] | None = None
        self._ask_at_s = 0.0

    async def run(self) -> None:
        """Send until the client leaves. Raises ConnectionError or TimeoutError where nobody reads."""
        clock = asyncio.get_running_loop().time
        sent_at_s = clock()
        if self._numbers is None:
            self._numbers = (await self._call.parts.bridge.deliveries(None, None, 0)).numbers
        try:
            while not self._stream.has_left:
                found = await self._next(clock())
                if found is not None:
                    await self._stream.send("deliveries", self._call.encode(found), found.last_number)
                    sent_at_s = clock()
                elif clock() - sent_at_s > _KEEP_ALIVE_S:
                    await self._stream.keep_alive()
                    sent_at_s = clock()
                await asyncio.sleep(_INTERVAL_S)
        finally:
            if self._asking is not None:
                self._asking.cancel()

    async def _next(self, now_s: float) -> Deliveries | None:
        """Return what came; None where nothing did."""
        parts, numbers = self._call.parts, self._numbers or {}
        own = OwnDeliveries(summaries=[], numbers=numbers)
        if parts.bridge.may_have_more(numbers) and await parts.pacer.wait():
            own = await parts.bridge.deliveries(numbers, self._wanted, _SENT_MAX)
        theirs = self._of_peers(now_s)
        found = _merged(self._call, own, theirs or PeerDeliveries(cursors=self._cursors), _SENT_MAX)
        self._numbers = own.numbers
        silent = [one.number for one in own.silent_workers]
        away = self._silence[1]
        if theirs is not None:
            away = [one.address for one in theirs.reach if not one.reachable]
        is_news, self._silence = (silent, away) != self._silence, (silent, away)
        return found if found.deliveries or found.left_out or is_news else None

    def _of_peers(self, now_s: float) -> PeerDeliveries | None:
        """Return what other replicas have answered since, and ask them again in time; None: no answer now."""
        if not self._call.asks_peers:
            return None
        found = None
        peers = self._call.parts.peers
        query = PeerQuery(after=self._cursors, wanted=self._wanted, limit=_SENT_MAX, from_now=True)
        if self._asking is not None and self._asking.done():
            found = peers.read_deliveries(self._asking.result(), query)
            self._cursors = found.cursors
            self._asking = None
        elif self._asking is None and now_s >= self._ask_at_s:
            self._ask_at_s = now_s + _PEERS_INTERVAL_S
            self._asking = asyncio.ensure_future(peers.fetch_deliveries(query))
        return found


def _merged(call: Call, own: OwnDeliveries, theirs: PeerDeliveries, limit: int) -> Deliveries:
    """Return deliveries of this replica and of the others as one, the oldest first."""
    host, mine = socket.gethostname(), own.summaries
    if call.asks_peers:
        mine = [replace(one, replica=host) for one in mine]
    summaries, cut = mine, 0
    if theirs.summaries:
        summaries, cut = newest([*mine, *theirs.summaries], limit)
    return Deliveries(
        deliveries=summaries,
        last_number=Cursor(own.numbers, theirs.cursors).encode(),
        left_out=own.left_out + theirs.left_out + cut,
        host=host,
        instance=call.parts.instance,
        silent_workers=own.silent_workers,
        peers=theirs.reach,
    )


def _after(call: Call) -> Cursor:
    found = parse_cursor(call.query("after"))
    if found is None:
        raise ProblemError(
            400, "after is no last_number of an earlier answer", remedy="leave it out to begin anew"
        )
    return found
