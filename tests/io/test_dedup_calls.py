"""Calls to Redis over kept connections: what Redis closes, what stays silent, what is said out of time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from bridge.core.claim import Answer
from bridge.io.dedup import Limits, Memory
from bridge.io.dedup.call import Call
from bridge.links import redis_client
from bridge.settings.sections import RedisSettings
from bridge.telemetry import Telemetry
from tests.contracts import ONE, TWO, Clock, asked
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio

CONNECTIONS = 4


@pytest.fixture
async def client(redis: RealRedis) -> AsyncIterator[Redis]:
    """Give a client of an empty Redis that gives up what is silent soon."""
    redis.flush()
    client = redis_client(RedisSettings(url=redis.url), CONNECTIONS, timeout_s=0.1)
    assert isinstance(client, Redis)
    yield client
    await client.aclose()


async def test_calls_one_after_another_share_a_connection(redis: RealRedis, client: Redis) -> None:
    memory = Memory(client, Telemetry(), Clock(), Limits())
    before = redis.ask("INFO", "stats").split("total_connections_received:")[1].split()[0]
    for n in range(20):
        await memory.commit(await memory.claim(asked(f"Type:t{n}", token=ONE)))
    after = redis.ask("INFO", "stats").split("total_connections_received:")[1].split()[0]
    assert int(after) - int(before) == 2  # the memory's, and the asking one


async def test_a_connection_that_redis_closed_meanwhile_costs_no_answer(
    redis: RealRedis, client: Redis
) -> None:
    memory = Memory(client, Telemetry(), Clock(), Limits())
    await memory.claim(asked("warm", token=ONE))
    for n in range(5):
        assert redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")[:1] == b":"
        await eventually(lambda: redis.ask("CLIENT", "LIST").count("\n") == 1, "nobody but who asks is left")
        for _ in range(5):  # turns of the loop, which reads that the connection has ended
            await asyncio.sleep(0)
        assert (await memory.claim(asked(f"Type:t{n}", token=ONE))).answer is Answer.FRESH


async def test_connections_that_stay_silent_are_let_go_and_keep_none_from_a_new_one(
    redis: RealRedis,
) -> None:
    with redis.open_proxy() as proxy:
        settings = RedisSettings(url=f"redis://127.0.0.1:{proxy.port}/0")
        memory = Memory(
            redis_client(settings, CONNECTIONS, timeout_s=0.05),
            Telemetry(),
            Clock(),
            Limits(call_s=0.02, probe_s=0.02),
        )
        memory.start()
        held = await memory.claim(asked("Silent:before", token=ONE))
        while held.answer is not Answer.FRESH:  # the limit is short: a busy machine may miss it at first
            held = await memory.claim(asked("Silent:before", token=ONE))
        opened = proxy.connections
        proxy.stall()
        for n in range(3):
            assert (await memory.claim(asked(f"Silent:{n}", token=ONE))).answer is Answer.AWAY
        await eventually(lambda: proxy.connections > opened + 2 * CONNECTIONS, "many were tried")
        assert memory.unavailable
        proxy.resume()
        await eventually(lambda: not memory.unavailable, "Redis is used again")
        await memory.commit(held)
        assert (await memory.claim(asked("Silent:before", token=TWO))).answer is Answer.SEEN
        await memory.stop()


async def test_a_call_is_told_once_and_what_comes_later_is_unheard() -> None:
    heard: list[str | None] = []
    late = Call(asyncio.get_running_loop(), 0.001, lambda answer, _: heard.append(answer))
    await eventually(lambda: heard, "it is given up")
    late.end("too late")
    early = Call(asyncio.get_running_loop(), 0.001, lambda answer, _: heard.append(answer))
    early.end("in time")
    early.end("again")
    given_up = Call(asyncio.get_running_loop(), 0.001, lambda answer, _: heard.append(answer))
    await eventually(lambda: len(heard) == 3, "it is given up")
    given_up.end("too late")
    assert heard == [None, "in time", None]


async def test_what_one_call_says_first_is_known_to_what_it_asks_then(client: Redis) -> None:
    memory = Memory(client, Telemetry(), Clock(), Limits())
    committed, released = [await memory.claim(asked(name, token=ONE)) for name in ("Type:a", "Type:b")]
    memory.commit(committed)
    memory.release(released)
    asking = [memory.claim(asked(name, token=TWO)) for name in ("Type:a", "Type:b", "Type:c", "Type:d")]
    asking.append(memory.claim(asked("Type:c", token=ONE)))
    asking.append(memory.claim(asked("Type:d", token=ONE, digest="e" * 16)))
    told = [(await one).answer for one in asking]
    assert told == [Answer.SEEN, Answer.FRESH, Answer.FRESH, Answer.FRESH, Answer.HELD, Answer.FRESH]
    assert [(await one).revision for one in asking] == [False] * 5 + [True]


@pytest.mark.parametrize("turns", [1, 2, 3])
async def test_an_answer_within_a_few_turns_of_the_loop_after_the_limit_is_in_time(turns: int) -> None:
    heard: list[str | None] = []
    loop = asyncio.get_running_loop()
    call = Call(loop, 0.01, lambda answer, _: heard.append(answer))

    def stand_still() -> None:
        until = loop.time() + 0.1
        while loop.time() < until:
            pass

    stand_still()
    for _ in range(turns):
        await asyncio.sleep(0)
    call.end("read in the end")
    assert heard == ["read in the end"]
