"""The console of a program of several worker processes, and of several replicas that show each other."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.console.console_client import READ_TOKEN, ConsoleClient, transcoded, uploaded
from tests.console.test_api import validate
from tests.end_to_end.environment import Environment, running
from tests.end_to_end.workers import (
    DELIVERIES,
    STARTS_WITHIN_S,
    by_worker,
    replaced,
    with_workers,
    worker_pids,
)
from tests.rig.parts import free_port
from tests.rig.program import Program
from tests.rig.waiting import eventually

NOBODY = "127.0.0.1:1"


async def answer_of_all(client: ConsoleClient, path: str, *, silent: Sequence[int] = ()) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Get an answer for which nobody was late but the workers of these numbers and who is not there.

    The console waits a second for each, which on a busy machine is too short now and then.
    """

    async def whole() -> dict[str, Any]:
        found: dict[str, Any] = await client.api(path)
        late = [one["number"] for one in found.get("workers", []) if not one["answered"]]
        late += [one["number"] for one in found.get("silent_workers", [])]
        away = {one["address"] for one in found.get("peers", []) if not one["reachable"]}
        return found if late == list(silent) and away <= {NOBODY} else {}

    return await eventually(whole, "whoever is there answers in time")


async def post_to_both(program: Program, begin: int = 7_000_000) -> int:
    """Post on fresh connections until both workers have deliveries; return how many were posted."""
    posted = 0

    async def are_both_reached() -> bool:
        nonlocal posted
        bodies = [uploaded(str(begin + posted + at)) for at in range(8)]
        await asyncio.gather(*map(program.post, bodies))
        posted += len(bodies)
        return min(await by_worker(program, DELIVERIES, 2)) > 0

    await eventually(are_both_reached, "both workers have deliveries")
    return posted


async def test_the_console_of_two_workers_shows_the_sum_and_the_deliveries_of_both(
    environment: Environment,
) -> None:
    async with running(environment, with_workers(2)) as program, ConsoleClient(program) as client:
        posted = await post_to_both(program)
        await program.post(b"{}", "/callbacks/nobody")
        names = ("status", "deliveries", "applications", "spool", "settings", "types", "topics", "check")
        answers = {f"/{name}": await client.api(name) for name in names}
        answers |= {f"/{name}": await answer_of_all(client, name) for name in ("status", "deliveries")}
        await validate(client, answers)
        status, found = answers["/status"], answers["/deliveries"]

        assert status["state"] == "ready"
        assert (status["outcomes"]["published"], status["refused_requests"]) == (posted, 1)
        assert sorted(one["pid"] for one in status["workers"]) == worker_pids_of(status, program)
        assert [one["number"] for one in status["workers"] if one["answered"]] == [1, 2]
        assert status["applications"][0]["last_event"]
        assert {one["worker"] for one in found["deliveries"]} == {1, 2}
        times = [one["time"] for one in found["deliveries"]]
        assert times == sorted(times, reverse=True)
        assert len(found["deliveries"]) == posted + 1
        limited = await answer_of_all(client, "deliveries?limit=3")
        assert (len(limited["deliveries"]), limited["left_out"]) == (3, posted - 2)
        since = await client.api(f"deliveries?after={found['last_number']}")
        assert since["deliveries"] == []
        file_id = found["deliveries"][1]["file_id"]
        (one,) = (await answer_of_all(client, f"deliveries?file={file_id}"))["deliveries"]
        assert one["file_id"] == file_id
        for path in ("/", "/live", "/find", "/applications", "/topics", "/spool", "/settings", "/types"):
            assert "</html>" in await client.page(path)

        async def shows_both() -> bool:
            return "worker 2" in await client.page("/live")

        await eventually(shows_both, "the second one answers in time")
        assert await program.terminate() == 0


def worker_pids_of(status: dict[str, list[dict[str, int]]], program: Program) -> list[int]:
    """Give the pids in the status that are children of the supervisor; its helper is none of them."""
    children = set(worker_pids(program))
    return sorted(one["pid"] for one in status["workers"] if one["pid"] in children)


async def test_what_comes_to_either_worker_shows_live_and_only_what_the_filter_lets_through(
    environment: Environment,
) -> None:
    async with running(environment, with_workers(2)) as program, ConsoleClient(program) as client:
        posted = await post_to_both(program)
        await program.post(transcoded("7100000"))
        messages = await client.events_until("/api/v1/deliveries?type=NewFileUpload&after=0", posted)
        seen = [one for message in messages for one in message["deliveries"]]
        assert {one["type"] for one in seen} == {"NewFileUpload"}
        assert {one["worker"] for one in seen} == {1, 2}
        assert len({one["file_id"] for one in seen}) == len(seen) == posted

        reading = asyncio.create_task(client.events_until("/api/v1/deliveries?file=7200000", 1))
        await eventually(lambda: _posted_until(program, reading), "what comes is streamed")
        assert {one["file_id"] for message in await reading for one in message["deliveries"]} == {"7200000"}


async def _posted_until(program: Program, reading: "asyncio.Task[object]") -> bool:
    await program.post(uploaded("7200000"))
    return reading.done()


async def test_a_worker_that_hangs_is_named_and_not_waited_for(environment: Environment) -> None:
    async with running(environment, with_workers(2)) as program, ConsoleClient(program) as client:
        await post_to_both(program)
        workers = (await answer_of_all(client, "status"))["workers"]
        first, _ = sorted(workers, key=lambda one: one["number"])
        os.kill(first["pid"], signal.SIGSTOP)
        try:
            status = await answer_of_all(client, "status", silent=[1])
            found = await answer_of_all(client, "deliveries", silent=[1])
            page = await client.page("/")
        finally:
            os.kill(first["pid"], signal.SIGCONT)

        silent = [one for one in status["workers"] if not one["answered"]]
        assert [(one["number"], one["reason"]) for one in silent] == [(1, "no answer within 1 s")]
        assert {one["worker"] for one in found["deliveries"]} == {2}
        assert [one["number"] for one in found["silent_workers"]] == [1]
        assert "does not answer" in page


@pytest.mark.long
async def test_workers_that_are_replaced_or_killed_leave_the_console_and_its_counts(
    environment: Environment,
) -> None:
    async with running(environment, with_workers(2)) as program, ConsoleClient(program) as client:
        posted = await post_to_both(program)
        before = await answer_of_all(client, "deliveries")
        program.process.hang_up()
        await replaced(program)
        after = await answer_of_all(client, "status")
        assert after["outcomes"]["published"] == posted
        assert after["applications"][0]["last_event"]
        posted += await post_to_both(program, 7_300_000)
        since = await answer_of_all(client, f"deliveries?after={before['last_number']}")
        assert {one["worker"] for one in since["deliveries"]} == {1, 2}
        os.kill(after["workers"][0]["pid"], signal.SIGKILL)
        await eventually(
            lambda: _is_whole(client, after["workers"][0]["pid"]),
            "another worker answers",
            within_s=STARTS_WITHIN_S,
        )


@pytest.mark.long
async def test_a_roll_gives_the_console_the_new_settings_but_for_its_own(
    environment: Environment, tmp_path: Path
) -> None:
    config = tmp_path / "bridge.toml"
    config.write_text("[apps.before]\n", encoding="utf-8")
    settings = with_workers(2) | {"BRIDGE_CONFIG": str(config)}
    async with running(environment, settings) as program, ConsoleClient(program) as client:
        assert (await client.get("/api/v1/topics")).status == 200  # the helper is there, with the old ones
        secret = "a-secret-that-came-later"  # noqa: S105 - it protects nothing
        config.write_text(
            f"[apps.after]\ntoken = '{secret}'\n[admin]\nread_token = 'x-x-x-x-x-x-x-x'\n", encoding="utf-8"
        )
        program.process.hang_up()
        await replaced(program)
        assert [one["name"] for one in (await client.api("applications"))["applications"]] == ["after"]
        await program.post(b"{}", f"/callbacks/after/{secret}x")
        shown = await client.get(f"/api/v1/deliveries?application={secret}")
        assert shown.status == 200
        assert secret not in (await client.get("/settings")).text


async def _is_whole(client: ConsoleClient, killed: int) -> bool:
    workers = (await client.api("status"))["workers"]
    return len(workers) == 2 and all(one["answered"] and one["pid"] != killed for one in workers)


async def test_the_console_of_several_workers_asks_for_the_read_token(environment: Environment) -> None:
    settings = with_workers(2) | {"BRIDGE_ADMIN__READ_TOKEN": READ_TOKEN}
    async with (
        running(environment, settings) as program,
        ConsoleClient(program) as stranger,
        ConsoleClient(program, token=READ_TOKEN) as reader,
    ):
        for path in ("/", "/api/v1/status", "/api/v1/deliveries"):
            assert (await stranger.get(path)).status == 401
            assert (await reader.get(path)).status == 200
        assert READ_TOKEN not in program.log()


@asynccontextmanager
async def replicas(environment: Environment, *workers: int) -> AsyncIterator[list[Program]]:
    """Start two replicas that know each other, and one address where nobody is."""
    ports = [free_port(), free_port()]
    peers = ",".join(f"127.0.0.1:{port}" for port in (*ports, 1))
    base = {"BRIDGE_ADMIN__PEERS": peers, "BRIDGE_ADMIN__READ_TOKEN": READ_TOKEN}
    settings = [
        base | with_workers(number) | {"BRIDGE_ADMIN__PORT": str(port)}
        for number, port in zip(workers, ports, strict=True)
    ]
    async with running(environment, settings[0]) as one, running(environment, settings[1]) as other:
        yield [one, other]


@pytest.mark.parametrize("workers", [(1, 1), (2, 1), (1, 2)])
async def test_replicas_show_each_other_and_leave_themselves_out(
    environment: Environment, workers: tuple[int, int]
) -> None:
    async with (
        replicas(environment, *workers) as (one, other),
        ConsoleClient(one, token=READ_TOKEN) as client,
    ):
        await one.post(uploaded("7000001"))
        await other.post(uploaded("7000002"))
        status = await answer_of_all(client, "status")
        peers = {peer["address"]: peer for peer in status["peers"]}
        assert sorted(peers) == sorted([f"127.0.0.1:{other.admin_port}", NOBODY])
        reached, missing = peers[f"127.0.0.1:{other.admin_port}"], peers[NOBODY]
        assert reached["status"]["outcomes"]["published"] == 1
        assert (missing["reachable"], "cannot be reached" in missing["reason"]) == (False, True)
        found = await answer_of_all(client, "deliveries")
        assert [each["file_id"] for each in found["deliveries"]] == ["7000002", "7000001"]
        assert all(each["replica"] for each in found["deliveries"])
        await validate(client, {"/status": status, "/deliveries": found})
        since = await client.api(f"deliveries?after={found['last_number']}")
        assert since["deliveries"] == []
        alone = await answer_of_all(client, "deliveries?peers=0")
        assert [each["file_id"] for each in alone["deliveries"]] == ["7000001"]
        assert (await client.api("status?peers=0"))["peers"] == []
        page = await client.page("/")
        assert f"127.0.0.1:{other.admin_port}" in page
        assert READ_TOKEN not in page

        # They tell of the address where nobody is, and of what came to the other.
        reading = asyncio.create_task(client.events_until("/api/v1/deliveries?file=7200000", 1))
        await eventually(lambda: _posted_until(other, reading), "the other's deliveries are streamed")
        messages = await reading
        assert [each["address"] for each in messages[-1]["peers"] if not each["reachable"]] == [NOBODY]
        assert {each["file_id"] for each in messages[-1]["deliveries"]} == {"7200000"}
