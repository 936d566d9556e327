"""Messages between supervisor and worker: whole, in order, and the end of either is noticed."""

import asyncio
import socket

from bridge.workers.channel import MESSAGE_MAX_BYTES, Channel
from bridge.workers.messages import Family, FromWorker, MetricsReply, WorkerStatus
from tests.rig.waiting import WITHIN_S, eventually

STATUS = WorkerStatus(ready=True, stopping=False, degraded=["kafka: not answering"])


class End:
    """One end, and what it received."""

    def __init__(self) -> None:
        self.received: list[FromWorker] = []
        self.closed = 0
        self.channel = Channel[FromWorker](FromWorker, self.received.append, self.close)  # type: ignore[arg-type] # a union of types is none to mypy

    def close(self) -> None:
        self.closed += 1


async def pair() -> tuple[End, End]:
    one, other = End(), End()
    for end, sock in zip((one, other), socket.socketpair(), strict=True):
        sock.setblocking(False)  # noqa: FBT003 - the socket's own signature
        await end.channel.open(sock)
    return one, other


async def test_messages_of_any_size_arrive_whole_and_in_order() -> None:
    one, other = await pair()
    large = MetricsReply(request=7, families=[Family("x" * 500_000, "", "gauge", [("x", {"a": "b"}, 1.0)])])
    for message in (STATUS, large, STATUS):
        one.channel.send(message)

    await eventually(lambda: len(other.received) == 3, "all are there")

    assert other.received == [STATUS, large, STATUS]
    await one.channel.close(1)


async def test_the_end_of_one_is_noticed_by_the_other_after_what_was_sent() -> None:
    one, other = await pair()
    one.channel.send(STATUS)
    await one.channel.close(1)

    await eventually(lambda: other.closed, "its end is noticed")

    assert other.received == [STATUS]
    other.channel.send(STATUS)  # nobody is there
    assert (one.closed, other.closed) == (1, 1)


async def test_an_end_that_is_promised_more_than_any_message_has_is_closed() -> None:
    one, other = await pair()
    one.channel.send(MetricsReply(request=1, families=[Family("x" * MESSAGE_MAX_BYTES, "", "gauge", [])]))

    await eventually(lambda: one.closed and other.closed, "both ends are closed")

    assert other.received == []


async def test_an_end_that_was_never_opened_sends_nothing() -> None:
    end = End()
    end.channel.send(STATUS)
    await asyncio.wait_for(end.channel.close(WITHIN_S), WITHIN_S / 2)
