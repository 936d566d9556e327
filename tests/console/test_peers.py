"""The other replicas: only what is configured is asked, once and with a limit, and each failure is named."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import web

from bridge.console.answers import Deliveries
from bridge.console.peers import ANSWER_MAX_BYTES, PeerQuery, Peers, parse_addresses
from bridge.observability.recent_deliveries import DeliveryFilter, DeliverySummary
from tests.rig.waiting import WITHIN_S

OWN = "0123456789abcdef"
TOKEN = "a-token-to-read-0123456789"  # noqa: S105 - it protects nothing
Respond = Callable[[web.BaseRequest], web.StreamResponse]


class Replica:
    """A replica that answers as it is told, and what it was asked."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self.requests: list[web.BaseRequest] = []
        self.port = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        return self._respond(request)


@asynccontextmanager
async def replica(respond: Respond, kind: type[Replica] = Replica) -> AsyncIterator[Replica]:
    one = kind(respond)
    runner = web.ServerRunner(web.Server(one.answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.port = runner.addresses[0][1]
    try:
        yield one
    finally:
        await runner.cleanup()


@asynccontextmanager
async def peers_at(*addresses: tuple[str, int], timeout_s: float = WITHIN_S) -> AsyncIterator[Peers]:
    peers = Peers(addresses, TOKEN, OWN, timeout_s)
    try:
        yield peers
    finally:
        await peers.stop()


def status(instance: str = "another") -> Respond:
    return lambda _: web.json_response({"host": "pod-2", "state": "ready", "instance": instance, "new": 1})


def deliveries(last_number: int | str, *times: str, instance: str = "another", left_out: int = 0) -> Respond:
    answer = Deliveries(
        deliveries=[
            DeliverySummary(number=at, time=time, outcome="published") for at, time in enumerate(times)
        ],
        last_number=last_number,
        left_out=left_out,
        host="pod-2",
        instance=instance,
    )
    return lambda _: web.Response(body=msgspec.json.encode(answer))


async def test_a_replica_is_asked_with_the_token_for_itself_alone_and_once_a_second() -> None:
    async with replica(status()) as one, peers_at(("127.0.0.1", one.port)) as peers:
        first, second = await asyncio.gather(peers.statuses(), peers.statuses())
    assert first == second
    assert [(state.address, state.reachable) for state in first] == [(f"127.0.0.1:{one.port}", True)]
    assert first[0].status is not None
    assert first[0].status.host == "pod-2"
    (request,) = one.requests
    assert request.path_qs == "/api/v1/status?peers=0"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


async def test_who_leaves_takes_the_answers_from_nobody_who_asked_with_it() -> None:
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    class Slow(Replica):
        async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
            is_asked.set()
            await may_answer.wait()
            return await super().answer(request)

    async with replica(status(), Slow) as one, peers_at(("127.0.0.1", one.port)) as peers:
        leaving = asyncio.ensure_future(peers.statuses())
        await is_asked.wait()
        leaving.cancel()
        staying = asyncio.ensure_future(peers.statuses())
        may_answer.set()
        (state,) = await staying
    assert state.reachable
    assert len(one.requests) == 1


async def test_its_own_address_is_left_out_and_not_asked_again() -> None:
    async with replica(status(OWN)) as one, peers_at(("127.0.0.1", one.port)) as peers:
        assert await peers.statuses() == []
        query = PeerQuery(after={}, wanted=DeliveryFilter(), limit=10)
        assert await peers.fetch_deliveries(query) == []
    assert len(one.requests) == 1


def _redirect(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": f"http://{request.host}/elsewhere"})


@pytest.mark.parametrize(
    ("respond", "reason"),
    [
        (_redirect, "it answers 302"),
        (lambda _: web.Response(status=401), "it wants another token: give all replicas the same"),
        (lambda _: web.Response(text="<html>"), "its answer cannot be read"),
        (lambda _: web.Response(text=json.dumps({"host": 7})), "its answer cannot be read"),
        (lambda _: web.Response(body=b"[" * (ANSWER_MAX_BYTES // 2)), "its answer cannot be read"),
        (lambda _: web.Response(body=b" " * (ANSWER_MAX_BYTES + 1)), "its answer is too large"),
    ],
)
async def test_what_is_no_good_answer_is_a_reason(respond: Respond, reason: str) -> None:
    async with replica(respond) as one, peers_at(("127.0.0.1", one.port)) as peers:
        (state,) = await peers.statuses()
    assert not state.reachable
    assert state.reason.startswith(reason)
    assert TOKEN not in state.reason
    assert len(one.requests) == 1


async def test_one_that_does_not_answer_in_time_is_named_and_the_others_are_there() -> None:
    never = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        await never.wait()
        writer.close()

    silent = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with (
        replica(status()) as one,
        peers_at(
            ("127.0.0.1", port),
            ("127.0.0.1", 1),
            ("no-such-name.invalid", 1),
            ("127.0.0.1", one.port),
            timeout_s=5,
        ) as peers,
    ):
        states = {state.address: state for state in await peers.statuses()}
    never.set()
    silent.close()
    assert states[f"127.0.0.1:{port}"].reason == "no answer within 5 s"
    assert states["127.0.0.1:1"].reason.startswith("cannot be reached")
    assert states["no-such-name.invalid:1"].reason.startswith(
        ("the name cannot be resolved", "the name server")
    )
    assert states[f"127.0.0.1:{one.port}"].reachable


async def test_deliveries_go_on_where_the_last_answer_ended_and_only_the_filters_are_sent() -> None:
    wanted = DeliveryFilter(application="a&peers=1", file_id="7")
    async with replica(deliveries("next", "2026-01-01T00:00:00.001Z", left_out=2)) as one:
        address = f"127.0.0.1:{one.port}"
        async with peers_at(("127.0.0.1", one.port), ("127.0.0.1", 1)) as peers:
            query = PeerQuery(after={address: 5, "127.0.0.1:1": 9}, wanted=wanted, limit=10)
            found = peers.read_deliveries(await peers.fetch_deliveries(query), query)
    assert [(each.replica, each.time) for each in found.summaries] == [("pod-2", "2026-01-01T00:00:00.001Z")]
    assert found.cursors == {address: "next", "127.0.0.1:1": 9}
    assert found.left_out == 2
    assert [(each.address, each.name, each.reachable) for each in found.reach] == [
        (address, "pod-2", True),
        ("127.0.0.1:1", "", False),
    ]
    query_sent = one.requests[0].query
    assert dict(query_sent) == {
        "application": "a&peers=1",
        "file": "7",
        "after": "5",
        "limit": "10",
        "peers": "0",
    }


async def test_a_stream_takes_from_a_replica_that_is_new_to_it_only_what_comes() -> None:
    async with (
        replica(deliveries(7, "2026-01-01T00:00:00.001Z")) as one,
        peers_at(("127.0.0.1", one.port)) as peers,
    ):
        query = PeerQuery(after={}, wanted=DeliveryFilter(), limit=100, from_now=True)
        found = peers.read_deliveries(await peers.fetch_deliveries(query), query)
    assert (list(found.summaries), found.cursors) == ([], {f"127.0.0.1:{one.port}": 7})
    assert one.requests[0].query["limit"] == "1"


async def test_nobody_is_asked_once_it_is_stopped() -> None:
    async with replica(status()) as one, peers_at(("127.0.0.1", one.port)) as peers:
        await peers.stop()
        assert await peers.statuses() == []
    assert one.requests == []


def test_addresses_are_hosts_with_or_without_a_port() -> None:
    assert parse_addresses("a.svc, b:1,[::1]:2,[::2]", 9090) == [
        ("a.svc", 9090),
        ("b", 1),
        ("::1", 2),
        ("::2", 9090),
    ]
    assert parse_addresses("", 9090) == []
