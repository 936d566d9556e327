"""The door's limits: size, time, number, and how it ends."""

import asyncio
import resource
import zlib

import pytest

from bridge.core.event import Notification
from bridge.core.outcome import Outcome
from bridge.io.ingress import Limits
from tests.io.doors import PUBLISHED, Client, opened, post, until
from tests.rig.waiting import WITHIN_S

MIB = 1024 * 1024
HEAD = b"POST /callbacks HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("size", [4 * MIB - 1, 4 * MIB])
async def test_a_body_of_4_mib_is_taken(size: int) -> None:
    async with opened() as door:
        assert (await door.post(b"x" * size)).status == 200
        assert len(door.taken[0].body) == size


async def test_a_byte_more_is_refused_before_it_is_sent() -> None:
    async with opened() as door:
        response = await door.ask(HEAD + b"Content-Length: 4194305\r\n\r\n")
        assert (response.status, response.headers["connection"]) == (413, "close")
        assert door.refused("too_large") == 1


async def test_a_client_that_sends_its_too_large_body_first_still_reads_the_answer() -> None:
    async with opened() as door:
        client = await door.knock()
        client.send(post(b"x" * (8 * MIB)))
        await client.writer.drain()
        assert (await client.response()).status == 413
        assert await client.ended()


async def test_a_chunked_body_without_end_is_refused_at_the_limit() -> None:
    async with opened() as door:
        client = await door.knock()
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 65)
        assert (await client.response()).status == 413
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(flood(client, chunk), WITHIN_S)


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Held:
    """A deliver that tells when it has begun, and ends when it is told to."""

    def __init__(self) -> None:
        self.begun, self.end = asyncio.Event(), asyncio.Event()

    async def __call__(self, _: Notification) -> Outcome:
        """Take one delivery, and keep it."""
        self.begun.set()
        await self.end.wait()
        return PUBLISHED


async def flood(client: Client, data: bytes) -> None:
    while True:
        client.send(data)
        await client.writer.drain()


async def test_a_bomb_is_refused_and_costs_no_memory() -> None:
    stream = zlib.compressobj(wbits=31)
    bomb = b"".join(stream.compress(b"\0" * MIB) for _ in range(200)) + stream.flush()
    async with opened() as door:
        before = peak_bytes()
        for _ in range(5):
            assert (await door.post(bomb, Content_Encoding="gzip")).status == 413
        assert peak_bytes() - before < 30 * MIB


async def test_a_slow_header_and_a_slow_body_are_cut() -> None:
    async with opened() as door:
        header, body, idle = [await door.knock() for _ in range(3)]
        header.send(b"POST /callbacks HT")
        body.send(HEAD + b"Content-Length: 10\r\n\r\n12")
        await until(lambda: door.arriving() == 2)
        door.seconds = 9.9
        header.send(b"TP/1.1\r\n")
        body.send(b"34")
        await asyncio.sleep(0)
        door.seconds = 10.1
        assert await header.ended()
        assert await body.ended()
        assert door.refused("timeout") == 2
        idle.send(post(b"{}"))
        assert (await idle.response()).status == 200


async def test_time_spent_on_a_request_is_not_held_against_the_one_behind_it() -> None:
    async with opened() as door:
        door.deliver = held = Held()
        client = await door.knock()
        second = post(b"{}")
        client.send(post(b"{}"))
        await asyncio.wait_for(held.begun.wait(), WITHIN_S)
        client.send(second[:30])
        await until(door.arriving)
        door.seconds = 11
        door.ingress.crowd.cut_slow(11)
        held.end.set()
        client.send(second[30:])
        assert [(await client.response()).status for _ in range(2)] == [200, 200]


async def test_at_the_cap_the_longest_idle_connection_makes_room() -> None:
    async with opened(Limits(connections_max=3)) as door:
        clients = []
        for _ in range(3):
            clients.append(await door.knock())
            await until(lambda: len(door.ingress.crowd) == len(clients))
        clients[0].send(post(b"{}"))
        assert (await clients[0].response()).status == 200
        fourth = await door.knock()
        fourth.send(post(b"{}"))
        assert (await fourth.response()).status == 200
        assert await clients[1].ended()
        clients[0].send(post(b"{}"))
        assert (await clients[0].response()).status == 200


async def test_who_does_not_read_its_answers_makes_room_too() -> None:
    async with opened(Limits(connections_max=1)) as door:
        deaf = await door.knock()
        flooding = asyncio.create_task(flood(deaf, post(b"{}") * 1000))
        size = -1
        while size != len(door.taken):
            size = len(door.taken)
            await asyncio.sleep(0.1)
        assert (await door.post(b"{}")).status == 200
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(flooding, WITHIN_S)


async def test_who_is_being_answered_is_never_closed_for_room() -> None:
    async with opened(Limits(connections_max=1)) as door:
        door.deliver = held = Held()
        client = await door.knock()
        client.send(post(b"{}"))
        await asyncio.wait_for(held.begun.wait(), WITHIN_S)
        assert await (await door.knock()).ended()
        assert door.refused("connections") == 1
        held.end.set()
        assert (await client.response()).status == 200


async def test_the_work_goes_on_when_the_client_leaves() -> None:
    async with opened() as door:
        begun, end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def deliver(_: Notification) -> Outcome:
            begun.set()
            await end.wait()
            ended.set()
            return PUBLISHED

        door.deliver = deliver
        client = await door.knock()
        client.send(post(b"{}"))
        await asyncio.wait_for(begun.wait(), WITHIN_S)
        client.leave()
        await until(lambda: not len(door.ingress.crowd))
        end.set()
        await asyncio.wait_for(ended.wait(), WITHIN_S)


async def test_a_body_cut_by_its_client_is_counted_and_not_delivered() -> None:
    async with opened() as door:
        client = await door.knock()
        client.send(HEAD + b"Content-Length: 10\r\n\r\n12")
        await until(door.arriving)
        client.leave()
        await until(lambda: door.refused("incomplete"))
        assert door.taken == []


async def test_a_draining_door_still_answers_and_closes_behind_each_answer() -> None:
    async with opened() as door:
        client = await door.knock()
        door.ingress.drain()
        client.send(post(b"{}"))
        response = await client.response()
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert await client.ended()
        assert (await door.post(b"{}")).status == 200


async def test_stopping_ends_what_is_under_way_and_lets_nobody_in() -> None:
    async with opened() as door:
        door.deliver = held = Held()
        idle, client = await door.knock(), await door.knock()
        client.send(post(b"{}"))
        await asyncio.wait_for(held.begun.wait(), WITHIN_S)
        stopping = asyncio.create_task(door.ingress.stop())
        assert await idle.ended()
        with pytest.raises(OSError, match=r".*"):
            await door.knock()
        held.end.set()
        assert (await client.response()).status == 200
        await asyncio.wait_for(stopping, WITHIN_S)


async def test_stopping_is_bounded_whatever_is_under_way() -> None:
    async with opened() as door:
        begun = asyncio.Event()

        async def deliver(_: Notification) -> Outcome:
            begun.set()
            await asyncio.Event().wait()
            return PUBLISHED

        door.deliver = deliver
        client = await door.knock()
        client.send(post(b"{}"))
        await asyncio.wait_for(begun.wait(), WITHIN_S)
        await asyncio.wait_for(door.ingress.stop(within_s=0.05), WITHIN_S)
        assert await client.ended()


async def test_the_limit_of_open_files_is_raised_for_the_connections_wanted() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        async with opened(Limits(connections_max=1000)) as door:
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 1256
            assert (await door.post(b"{}")).status == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
