"""Recent deliveries, as a list and live.

A live stream looks at the ring a few times a second: deliveries pay nothing for who watches, and what a slow
reader misses is counted, not kept.
"""

import asyncio
from contextlib import suppress

from aiohttp import web

from bridge.console.answers import Deliveries
from bridge.console.call import Call
from bridge.observability.recent_deliveries import DeliveryFilter, Recent, RecentDeliveries

DEFAULT_LIMIT = 200

_INTERVAL_S = 0.25
_SENT_MAX = 50  # in one message: more nobody can read, and the browser must draw them
_KEEP_ALIVE_S = 15.0
_NUMBER_MAX = 2**53
_NOTHING = Recent([], 0, 0)


def recent_deliveries(call: Call) -> Deliveries:
    """Return the recent deliveries that the query asks for, the newest first."""
    found = _recent(call).since(
        call.query_number("after", 0, _NUMBER_MAX),
        filter_of(call),
        call.query_number("limit", DEFAULT_LIMIT, least=1),
    )
    return Deliveries(
        deliveries=found.summaries[::-1], last_number=found.last_number, left_out=found.left_out
    )


async def stream_deliveries(call: Call) -> web.StreamResponse:
    """Stream what comes, from ``after`` or Last-Event-ID on, the oldest first, until the client leaves."""
    recent, wanted, pacer = _recent(call), filter_of(call), call.parts.pacer
    last_id = call.request.headers.get("Last-Event-ID", "")
    number = int(last_id) if last_id.isdecimal() and len(last_id) < len(str(_NUMBER_MAX)) else 0
    number = number or call.query_number("after", recent.last_number, _NUMBER_MAX)
    async with call.event_stream() as stream:
        clock = asyncio.get_running_loop().time
        sent_at = clock()
        await stream.keep_alive()
        with suppress(ConnectionError, TimeoutError):
            while not stream.has_left:
                found = _NOTHING
                if recent.last_number != number and await pacer.wait():
                    found = recent.since(number, wanted, _SENT_MAX)
                    number = found.last_number
                if found.summaries or found.left_out:
                    answer = Deliveries(
                        deliveries=found.summaries, last_number=number, left_out=found.left_out
                    )
                    await stream.send("deliveries", call.encode(answer), number)
                    sent_at = clock()
                elif clock() - sent_at > _KEEP_ALIVE_S:
                    await stream.keep_alive()
                    sent_at = clock()
                await asyncio.sleep(_INTERVAL_S)
        return stream.response


def filter_of(call: Call) -> DeliveryFilter:
    """Return the filter that the query describes."""
    return DeliveryFilter(
        application=call.query("application"),
        type=call.query("type"),
        outcome=call.query("outcome"),
        file_id=call.query("file"),
        task_id=call.query("task"),
    )


def _recent(call: Call) -> RecentDeliveries:
    return call.parts.bridge.telemetry.recent
