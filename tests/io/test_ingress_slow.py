"""Who promises much and sends little keeps nobody out: only bytes that are here are charged."""

import asyncio
import gzip

import pytest

from bridge.core.event import Notification
from bridge.core.outcome import Outcome
from bridge.io.ingress import Limits
from bridge.io.ingress.arrivals import Arrivals
from tests.io.doors import PUBLISHED, Client, Door, opened, post, until

KIB = 1024
MIB = 1024 * KIB
HEAD = b"POST /callbacks HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
# Of small bodies about 256 KiB may arrive at once, of large ones two beside each other.
SMALL_BUDGET = Limits(body_max_bytes=256 * KIB, bodies_max_bytes=4 * MIB, hold_s=60, read_timeout_s=300)


async def crowd(door: Door, number: int, data: bytes) -> list[Client]:
    """Let so many clients send the same beginning, and wait until it has come."""
    clients = [await door.knock() for _ in range(number)]
    for client in clients:
        client.send(data)
    await until(lambda: door.arriving() == number)
    return clients


@pytest.mark.parametrize(
    ("number", "beginning"),
    [
        (8, HEAD % (4 * MIB)),
        (520, HEAD % (64 * KIB)),
        (300, HEAD % (4 * MIB) + b"x"),
        (60, b"POST /callbacks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"),
    ],
)
async def test_heads_that_promise_bodies_keep_no_honest_one_out(number: int, beginning: bytes) -> None:
    async with opened(Limits(hold_s=3)) as door:
        await crowd(door, number, beginning)
        for _ in range(5):
            for body in (b"x" * 300, b"x" * 100_000, b"x" * (4 * MIB)):
                assert (await asyncio.wait_for(door.post(body), 3)).status == 200


async def test_a_compressed_request_takes_room_for_what_it_is() -> None:
    async with opened(Limits(hold_s=0.2)) as door:
        hold, begun = asyncio.Event(), list[Notification]()

        async def deliver(notification: Notification) -> Outcome:
            begun.append(notification)
            await hold.wait()
            return PUBLISHED

        door.deliver = deliver
        clients = [await door.knock() for _ in range(64)]
        for client in clients:
            client.send(post(gzip.compress(b"x" * 300), Content_Encoding="gzip"))
        await until(lambda: len(begun) == 64)
        hold.set()
        assert [(await client.response()).status for client in clients] == [200] * 64


async def test_large_bodies_that_wait_inflated_are_kept_as_they_came() -> None:
    async with opened(Limits(body_max_bytes=MIB, bodies_max_bytes=8 * MIB, hold_s=60)) as door:
        hold, begun = asyncio.Event(), list[int]()

        async def deliver(notification: Notification) -> Outcome:
            begun.append(len(notification.body))
            del notification
            await hold.wait()
            return PUBLISHED

        door.deliver = deliver
        clients = [await door.knock() for _ in range(12)]
        for client in clients:
            client.send(post(gzip.compress(b"x" * MIB), Content_Encoding="gzip"))
        await until(begun.__len__)
        assert (await door.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).status == 405
        assert len(begun) == 1
        hold.set()
        assert [(await client.response()).status for client in clients] == [200] * 12
        assert begun == [MIB] * 12


async def test_whole_requests_do_not_wait_for_those_that_are_not() -> None:
    async with opened(SMALL_BUDGET) as door:
        waiting = await crowd(door, 40, (HEAD % (64 * KIB)) + b"x" * (30 * KIB))
        arrivals = door.ingress._intake.budgets.arriving_small  # noqa: SLF001 - it is not seen from outside
        for client in waiting:
            client.send(b"x" * KIB)
        await until(lambda: arrivals.is_over)
        for _ in range(5):
            assert (await asyncio.wait_for(door.post(b"x" * 300), 3)).status == 200
        for client in waiting:
            client.send(b"x" * (33 * KIB))
        assert [(await client.response()).status for client in waiting] == [200] * 40
        assert not arrivals.is_over


@pytest.mark.parametrize("size", [60 * KIB, 200 * KIB])
async def test_who_sends_almost_nothing_gives_way_when_others_wait(size: int) -> None:
    async with opened(SMALL_BUDGET) as door:
        slow = await crowd(door, 30, HEAD % size + b"x" * (30 * KIB))
        door.seconds = 4.9
        waiting = [await door.knock() for _ in range(4)]
        for client in waiting:
            client.send((HEAD % size) + b"x" * (30 * KIB))
        await until(lambda: door.arriving() == 34)
        for client in waiting:
            client.send(b"x" * (size - 30 * KIB))

        def pass_time() -> bool:
            door.seconds += 0.01
            return len(door.taken) == 4

        await until(pass_time)
        assert [(await client.response()).status for client in waiting] == [200] * 4
        assert door.seconds < 12
        assert 0 < door.refused("slow", "default") <= len(slow)


async def test_who_is_slow_while_nobody_waits_has_the_whole_time() -> None:
    async with opened() as door:
        (client,) = await crowd(door, 1, HEAD % 10 + b"12345")
        door.seconds = 9.5
        assert (await door.post(b"{}")).status == 200
        client.send(b"67890")
        assert (await client.response()).status == 200


async def test_who_leaves_while_waiting_gives_back_what_it_has() -> None:
    async with opened(SMALL_BUDGET) as door:
        clients = await crowd(door, 40, HEAD % (250 * KIB) + b"x" * (30 * KIB))
        arrivals = door.ingress._intake.budgets.arriving_large  # noqa: SLF001 - it is not seen from outside
        assert arrivals.is_over
        for client in clients:
            client.leave()
        await until(lambda: not arrivals.is_over)
        assert (await door.post(b"x" * (250 * KIB))).status == 200
        assert door.refused("incomplete") == 40
        assert door.refused("busy") == 0


class Sender:
    """A sender that can only be cut."""

    def __init__(self) -> None:
        self.cut_for: list[str] = []

    def cut(self, reason: str) -> None:
        """Note why."""
        self.cut_for.append(reason)

    def has_sent_more(self) -> bool:
        """Say that nothing waits unread."""
        return False


async def test_the_longest_waiting_go_on_first_and_no_more_than_there_is_room_for() -> None:
    arrivals = Arrivals(400 * KIB, 100 * KIB, lambda: 0.0)
    taken = arrivals.begin(Sender())
    arrivals.add(taken, 300 * KIB)
    waits = []
    for _ in range(6):
        arrival = arrivals.begin(Sender())
        arrivals.add(arrival, 10 * KIB)
        assert arrivals.must_wait(arrival)
        waits.append((arrival, asyncio.ensure_future(arrivals.wait(arrival, 60))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # Two are read to their end whatever is here: half of the limit is for them.
    assert [task.done() for _, task in waits] == [True, True, False, False, False, False]
    arrivals.end(taken)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert all(task.done() for _, task in waits)
    for arrival, task in waits:
        assert await task
        arrivals.end(arrival)
        arrivals.end(arrival)  # which changes nothing
    assert not arrivals.is_over


async def test_who_may_not_go_on_in_time_is_told() -> None:
    arrivals = Arrivals(100, 100, lambda: 0.0)
    first, second = arrivals.begin(Sender()), arrivals.begin(Sender())
    arrivals.add(first, 50)
    assert await arrivals.wait(first, 60)
    assert not arrivals.must_wait(first)
    arrivals.add(second, 50)
    assert not await arrivals.wait(second, 0)
    arrivals.end(first)
    assert await arrivals.wait(second, 60)


async def test_whoever_brought_enough_is_not_slow_and_who_waited_is_judged_anew() -> None:
    now = [0.0]
    arrivals = Arrivals(400, 100, lambda: now[0])
    senders = [Sender() for _ in range(3)]
    brisk = [arrivals.begin(sender) for sender in senders[:2]]
    arrivals.add(brisk[0], 5_000)
    waits = [asyncio.ensure_future(arrivals.wait(arrivals.begin(senders[2]), 60)) for _ in range(4)]
    await asyncio.sleep(0)
    now[0] = 4.9
    arrivals.check_rates()
    assert [sender.cut_for for sender in senders] == [[], [], []]
    now[0] = 5.5
    arrivals.add(brisk[0], 10_000)
    arrivals.check_rates()
    assert [sender.cut_for for sender in senders[:2]] == [[], ["slow"]]
    for wait in waits:
        wait.cancel()
