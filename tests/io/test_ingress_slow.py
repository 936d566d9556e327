"""Who promises much and sends little keeps nobody out: only bytes that are here are charged."""

import asyncio
import gzip
from itertools import pairwise

import pytest

from bridge.core.event import Notification
from bridge.core.outcome import DeliveryResult
from bridge.io.http.read_budget import ReadBudget
from bridge.io.http.server import IngressLimits
from tests.io.http_server import PUBLISHED, post, running_server, start_many, until
from tests.rig.waiting import WITHIN_S

KIB = 1024
MIB = 1024 * KIB
HEAD = b"POST /callbacks HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
# Of small bodies about 256 KiB may arrive at once, of large ones two beside each other.
SMALL_BUDGET = IngressLimits(
    body_max_bytes=256 * KIB, bodies_max_bytes=4 * MIB, hold_s=60, read_timeout_s=300
)


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
    async with running_server(IngressLimits(hold_s=60)) as server:
        await start_many(server, number, beginning)
        for _ in range(5):
            for body in (b"x" * 300, b"x" * 100_000, b"x" * (4 * MIB)):
                assert (await asyncio.wait_for(server.post(body), WITHIN_S)).status == 200


async def test_a_compressed_request_is_charged_its_received_size() -> None:
    async with running_server(IngressLimits(hold_s=60)) as server:
        hold, started = asyncio.Event(), list[Notification]()

        async def deliver(notification: Notification) -> DeliveryResult:
            started.append(notification)
            await hold.wait()
            return PUBLISHED

        server.deliver = deliver
        clients = [await server.connect() for _ in range(64)]
        for client in clients:
            client.send(post(gzip.compress(b"x" * 300), Content_Encoding="gzip"))
        await until(lambda: len(started) == 64)
        hold.set()
        assert [(await client.response()).status for client in clients] == [200] * 64


async def test_large_bodies_that_wait_inflated_are_kept_as_they_came() -> None:
    async with running_server(
        IngressLimits(body_max_bytes=MIB, bodies_max_bytes=8 * MIB, hold_s=60)
    ) as server:
        hold, started = asyncio.Event(), list[int]()

        async def deliver(notification: Notification) -> DeliveryResult:
            started.append(len(notification.body))
            del notification
            await hold.wait()
            return PUBLISHED

        server.deliver = deliver
        clients = [await server.connect() for _ in range(12)]
        for client in clients:
            client.send(post(gzip.compress(b"x" * MIB), Content_Encoding="gzip"))
        await until(started.__len__)
        assert (await server.request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).status == 405
        assert len(started) == 1
        hold.set()
        assert [(await client.response()).status for client in clients] == [200] * 12
        assert started == [MIB] * 12


async def test_whole_requests_do_not_wait_for_those_that_are_not() -> None:
    async with running_server(SMALL_BUDGET) as server:
        waiting = await start_many(server, 40, (HEAD % (64 * KIB)) + b"x" * (30 * KIB))
        read_budget = server.ingress._handler.body_budget.reading_small  # noqa: SLF001 - it is not seen from outside
        for client in waiting:
            client.send(b"x" * KIB)
        await until(lambda: read_budget.is_exhausted)
        for _ in range(5):
            assert (await asyncio.wait_for(server.post(b"x" * 300), WITHIN_S)).status == 200
        for client in waiting:
            client.send(b"x" * (33 * KIB))
        assert [(await client.response()).status for client in waiting] == [200] * 40
        assert not read_budget.is_exhausted


@pytest.mark.parametrize("size", [60 * KIB, 200 * KIB])
async def test_who_sends_almost_nothing_is_closed_when_others_wait(size: int) -> None:
    async with running_server(SMALL_BUDGET) as server:
        slow = await start_many(server, 30, HEAD % size + b"x" * (30 * KIB))
        server.now_s = 4.9
        waiting = [await server.connect() for _ in range(4)]
        for client in waiting:
            client.send((HEAD % size) + b"x" * (30 * KIB))
        await until(lambda: server.reading_count() == 34)
        for client in waiting:
            client.send(b"x" * (size - 30 * KIB))

        def pass_time() -> bool:
            server.now_s += 0.01
            return len(server.notifications) == 4

        await until(pass_time)
        assert [(await client.response()).status for client in waiting] == [200] * 4
        assert server.now_s < 12
        assert 0 < server.rejected_count("below_min_rate", "default") <= len(slow)


async def test_who_is_slow_while_nobody_waits_has_the_whole_time() -> None:
    async with running_server() as server:
        (client,) = await start_many(server, 1, HEAD % 10 + b"12345")
        server.now_s = 9.5
        assert (await server.post(b"{}")).status == 200
        client.send(b"67890")
        assert (await client.response()).status == 200


async def test_who_leaves_while_waiting_gives_back_what_it_has() -> None:
    async with running_server(SMALL_BUDGET) as server:
        clients = await start_many(server, 40, HEAD % (250 * KIB) + b"x" * (30 * KIB))
        read_budget = server.ingress._handler.body_budget.reading_large  # noqa: SLF001 - it is not seen from outside
        assert read_budget.is_exhausted
        for client in clients:
            client.reset()
        await until(lambda: not read_budget.is_exhausted)
        assert (await server.post(b"x" * (250 * KIB))).status == 200
        assert server.rejected_count("incomplete") == 40
        assert server.rejected_count("overloaded") == 0


class FakeBodySource:
    """A sender that can only be cut; it is its own socket."""

    read_bytes = 0

    def __init__(self) -> None:
        self.abort_reasons: list[str] = []
        self.client = self

    def abort(self, reason: str) -> None:
        """Note why."""
        self.abort_reasons.append(reason)

    def has_unread_bytes(self) -> bool:
        """Say that nothing waits unread."""
        return False


async def test_the_longest_waiting_go_on_first_and_no_more_than_the_budget_allows() -> None:
    read_budget = ReadBudget(400 * KIB, 100 * KIB, lambda: 0.0)
    held_body = read_budget.start(FakeBodySource())
    read_budget.charge(held_body, 300 * KIB)
    waits = []
    for _ in range(6):
        body_read = read_budget.start(FakeBodySource())
        read_budget.charge(body_read, 10 * KIB)
        assert read_budget.must_wait(body_read)
        waits.append((body_read, asyncio.ensure_future(read_budget.wait(body_read, 60))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # Two are read to their end whatever is here: half of the limit is for them.
    assert [task.done() for _, task in waits] == [True, True, False, False, False, False]
    read_budget.release(held_body)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert all(task.done() for _, task in waits)
    for body_read, task in waits:
        assert await task
        read_budget.release(body_read)
        read_budget.release(body_read)  # which changes nothing
    assert not read_budget.is_exhausted


async def test_a_wait_that_times_out_gives_false() -> None:
    read_budget = ReadBudget(100, 100, lambda: 0.0)
    first, second = read_budget.start(FakeBodySource()), read_budget.start(FakeBodySource())
    read_budget.charge(first, 50)
    assert await read_budget.wait(first, 60)
    assert not read_budget.must_wait(first)
    read_budget.charge(second, 50)
    assert not await read_budget.wait(second, 0)
    read_budget.release(first)
    assert await read_budget.wait(second, 60)


async def test_of_many_whose_time_is_over_at_once_a_turn_ends_the_wait_of_some_the_longest_first() -> None:
    read_budget = ReadBudget(100, 100, lambda: 0.0)
    first = read_budget.start(FakeBodySource())
    read_budget.charge(first, 50)
    assert await read_budget.wait(first, 60)
    ended: list[int] = []

    async def wait(number: int) -> None:
        body = read_budget.start(FakeBodySource())
        read_budget.charge(body, 50)
        assert not await read_budget.wait(body, 0)
        ended.append(number)

    waits = asyncio.gather(*(wait(number) for number in range(40)))
    numbers = [0]
    while not waits.done():
        await asyncio.sleep(0)
        numbers.append(len(ended))
    assert ended == list(range(40))
    assert max(after - before for before, after in pairwise(numbers)) == 4


async def test_of_many_for_which_there_is_budget_at_once_a_turn_resumes_some_the_longest_first() -> None:
    mib = 1024 * 1024
    read_budget = ReadBudget(8 * mib, mib, lambda: 0.0)
    first = read_budget.start(FakeBodySource())
    read_budget.charge(first, 8 * mib)
    resumed: list[int] = []

    async def wait(number: int) -> None:
        assert await read_budget.wait(read_budget.start(FakeBodySource()), 60)
        resumed.append(number)

    # As many as may go beside the limit are read to their end in any case: they are the first.
    waits = asyncio.gather(*(wait(number) for number in range(40)))
    await until(lambda: len(resumed) == 4)
    read_budget.release(first)
    numbers = [len(resumed)]
    while not waits.done():
        await asyncio.sleep(0)
        numbers.append(len(resumed))
    assert resumed == list(range(40))
    assert max(after - before for before, after in pairwise(numbers)) == 2


async def test_whoever_brought_enough_is_not_slow_and_who_waited_starts_a_new_interval() -> None:
    now = [0.0]
    read_budget = ReadBudget(400, 100, lambda: now[0])
    sources = [FakeBodySource() for _ in range(3)]
    fast = [read_budget.start(source) for source in sources[:2]]
    read_budget.charge(fast[0], 5_000)
    waits = [asyncio.ensure_future(read_budget.wait(read_budget.start(sources[2]), 60)) for _ in range(4)]
    await asyncio.sleep(0)
    now[0] = 4.9
    read_budget.check_rates()
    assert [source.abort_reasons for source in sources] == [[], [], []]
    now[0] = 5.5
    read_budget.charge(fast[0], 10_000)
    read_budget.check_rates()
    assert [source.abort_reasons for source in sources[:2]] == [[], ["below_min_rate"]]
    now[0] = 6.5  # what was read counts when it is read: it may be charged later
    read_budget.charge(fast[0], 800)
    sources[0].read_bytes = 1_024
    read_budget.check_rates()
    assert sources[0].abort_reasons == []
    now[0] = 7.5  # and once
    read_budget.charge(fast[0], 224)
    sources[0].read_bytes = 2_047
    read_budget.check_rates()
    assert sources[0].abort_reasons == ["below_min_rate"]
    for wait in waits:
        wait.cancel()
