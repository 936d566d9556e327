"""A Redis that answers and refuses, under load: it is full, read-only after a failover, without its replicas.

The log says so once and why, the gauge is steady, and events are deduplicated again soon after its recovery.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from statistics import median
from typing import Any

import pytest
from msgspec.structs import replace

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited_id, new_task
from tests.end_to_end.senders import HOLD_S, SendResult, run_load, send, tasks_until
from tests.examples import examples
from tests.rig.program import Program
from tests.rig.proxy import Proxy
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

FAULT_S = examples(5, full=20)
# 5 s are promised; a machine that is busy with much else gets more.
RECOVERED_WITHIN_S = 15.0
AT_ONCE = 4
TWO_APPS = {"BRIDGE_APPS__SHOP__MODE": "push", "BRIDGE_APPS__FILM__MODE": "push"}
FILM_ONLY = "bridge on >secret ~vod:{film}:* +@all"

Fault = tuple[Callable[[], None], Callable[[], None]]


@pytest.fixture
def successor(own_redis: RealRedis) -> Iterator[RealRedis]:
    """Start the one that is made the primary at a failover."""
    assert own_redis.pid
    server = RealRedis()
    server.start()
    yield server
    server.remove()


def full(server: RealRedis, _: RealRedis, __: Proxy) -> Fault:
    """Fill it to its brim with what is someone else's; then give it more memory."""

    def fill() -> None:
        used = int(server.ask("INFO", "memory").split("used_memory:")[1].split()[0])
        server.command("CONFIG", "SET", "maxmemory", str(used + (1 << 20)))
        number = 0
        while server.command("SET", f"other:{number}", "x" * 4096).startswith(b"+OK"):
            number += 1

    return fill, lambda: _ok(server.command("CONFIG", "SET", "maxmemory", "0"))


def read_only(server: RealRedis, successor: RealRedis, address: Proxy) -> Fault:
    """Demote it, while the address that the bridge knows leads to it; then let that lead to the new one."""

    def demote() -> None:
        _ok(server.command("REPLICAOF", "127.0.0.1", str(successor.port)))

    return demote, lambda: address.retarget(successor.port)


def without_replicas(server: RealRedis, _: RealRedis, __: Proxy) -> Fault:
    """Demand a replica of it, where there is none."""

    def demand(replicas: int) -> None:
        _ok(server.command("CONFIG", "SET", "min-replicas-to-write", str(replicas)))

    return lambda: demand(1), lambda: demand(0)


def _ok(response: bytes) -> None:
    assert response == b"+OK"


@asynccontextmanager
async def under_load(one: Callable[[str], Awaitable[SendResult]]) -> AsyncIterator[list[SendResult]]:
    """Send new tasks all the while; the sends so far are given."""
    enough, sends = asyncio.Event(), list[SendResult]()
    loading = asyncio.create_task(run_load(tasks_until(enough), one, at_once=AT_ONCE, results=sends))
    try:
        yield sends
    finally:
        enough.set()
        await loading


async def gauge_samples(program: Program, seconds: float) -> list[float]:
    """Read for so long, again and again, whether the gauge says that deduplication is degraded."""
    loop, samples = asyncio.get_running_loop(), list[float]()
    until = loop.time() + seconds
    while loop.time() < until:
        samples.append(await program.metric("vod_bridge_dedup_degraded"))
        await asyncio.sleep(0.1)
    return samples


async def is_degraded(program: Program) -> bool:
    return await program.metric("vod_bridge_dedup_degraded") == 1


def changes(program: Program) -> list[dict[str, Any]]:
    """List the lines of the log that tell a change of Redis' state."""
    lines = program.log_lines()
    return [line for line in lines if line["event"] in ("dedup_unavailable", "dedup_recovered")]


@pytest.mark.services
@pytest.mark.parametrize(
    ("fault", "code"),
    [(full, "OOM"), (read_only, "READONLY"), (without_replicas, "NOREPLICAS")],
    ids=["full", "read-only", "without-replicas"],
)
async def test_a_redis_that_refuses_writes_is_logged_twice_and_used_again_within_5_s(
    environment: Environment,
    own_redis: RealRedis,
    successor: RealRedis,
    fault: Callable[[RealRedis, RealRedis, Proxy], Fault],
    code: str,
) -> None:
    with own_redis.open_proxy() as address:
        refuse, accept = fault(own_redis, successor, address)
        url = {"BRIDGE_REDIS__URL": f"redis://127.0.0.1:{address.port}/0"}
        async with running(environment, url) as program:
            async with under_load(lambda task: send(program, task)) as sends:
                await eventually(lambda: len(sends) > AT_ONCE, "events pass")
                await asyncio.to_thread(refuse)
                await eventually(lambda: is_degraded(program), "it is known to be unavailable")
                samples = await gauge_samples(program, FAULT_S)
                seen = changes(program)
                accepted_at = datetime.now(UTC)
                await asyncio.to_thread(accept)
                await eventually(lambda: len(changes(program)) > len(seen), "it is used again")
                await eventually(lambda: _is_deduplicated(program, environment), "events are deduplicated")
            lines = changes(program)

    assert [(line["event"], line.get("reason")) for line in seen] == [("dedup_unavailable", code)]
    assert [line["event"] for line in lines] == ["dedup_unavailable", "dedup_recovered"]
    assert set(samples) == {1.0}
    recovered_at = datetime.fromisoformat(lines[1]["timestamp"])
    assert (recovered_at - accepted_at).total_seconds() <= RECOVERED_WITHIN_S
    assert {one.status for one in sends} == {200}
    published = await environment.ids()
    assert {edited_id(one.task) for one in sends} <= set(published)


async def _is_deduplicated(program: Program, environment: Environment) -> bool:
    task = new_task()
    outcomes = [(await send(program, task)).outcome for _ in range(2)]
    events = {event["task_id"]: event for event in await environment.published()}
    return outcomes == ["published", "duplicate"] and events[task]["delivery"]["deduplicated"]


@pytest.mark.services
@pytest.mark.parametrize("mode", ["publish", "hold"])
async def test_one_applications_refused_keys_leave_another_ones_deduplication_untouched(
    environment: Environment, mode: str
) -> None:
    server = RealRedis(users=["default on nopass ~* +@all", FILM_ONLY])
    server.start()
    own = replace(environment, redis=server)
    url = {"BRIDGE_REDIS__URL": f"redis://bridge:secret@127.0.0.1:{server.port}/0"}
    films: list[tuple[SendResult, SendResult]] = []
    try:
        async with running(own, TWO_APPS | url | {"BRIDGE_DEDUP__WHEN_UNAVAILABLE": mode}) as program:
            await eventually(lambda: changes(program), "the refused keys are known")
            async with under_load(lambda task: send(program, task, path="/callbacks/shop")) as shop:
                until = asyncio.get_running_loop().time() + FAULT_S
                while asyncio.get_running_loop().time() < until or not shop:
                    task = new_task()
                    first = await send(program, task, path="/callbacks/film")
                    films.append((first, await send(program, task, path="/callbacks/film")))
            lines = changes(program)
            unavailable = await program.metric("vod_bridge_dedup_claims_total", result="unavailable")
    finally:
        server.remove()

    assert [(line["event"], line["app"], line["reason"]) for line in lines] == [
        ("dedup_unavailable", "shop", "NOPERM")
    ]
    assert {(first.outcome, second.outcome) for first, second in films} == {("published", "duplicate")}
    assert median(one.seconds for pair in films for one in pair) < HOLD_S  # none of them is held
    assert unavailable >= len(shop) > 0
    events = await environment.published()
    by_app = {app: [event for event in events if event["app"] == app] for app in ("film", "shop")}
    assert sorted(event["task_id"] for event in by_app["film"]) == sorted(first.task for first, _ in films)
    assert {event["delivery"]["deduplicated"] for event in by_app["film"]} == {True}
    if mode == "hold":
        assert {one.status for one in shop} == {503}
        assert not by_app["shop"]
    else:
        assert {one.status for one in shop} == {200}
        assert {event["delivery"]["deduplicated"] for event in by_app["shop"]} == {False}
