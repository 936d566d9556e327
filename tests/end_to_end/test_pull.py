"""The vendor's queue pulled by the real program: each event in Kafka, confirmed only once it is durable."""

import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bridge.vendor_twin.server import Application, Chances, Vendor
from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited, edited_id, new_task
from tests.end_to_end.senders import send
from tests.rig.program import Program
from tests.rig.waiting import eventually

SUB_APP_ID = 1_500_000_001
# BRIDGE_TEST_LONG=1 plays the faults at full length: four minutes instead of one.
LONG = bool(os.environ.get("BRIDGE_TEST_LONG"))
EVENTS, DOWN_S, LEASE_S = (5_000, 20, 30) if LONG else (2_000, 8, 8)
FAULTS = Chances(error=0.05, junk=0.05, cut=0.05, reset=0.05, lost=0.05, slow=0.05, slow_s=0.3)


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    async with Vendor(seed=7) as fake:
        yield fake


def queue_at(vendor: Vendor, name: str = "shop", mode: str = "pull") -> tuple[Application, dict[str, str]]:
    """Give an application at the vendor, and the program's settings for it."""
    sub_app_id = SUB_APP_ID if mode == "pull" else None
    app = vendor.add(f"AKID-{name}", "secret", sub_app_id=sub_app_id)
    app.behaviour.poll_s, app.behaviour.empty = 0.3, "cycle"
    settings = {
        "MODE": mode,
        "SECRET_ID": f"AKID-{name}",
        "SECRET_KEY": "secret",
        "ENDPOINT": vendor.url,
    }
    if sub_app_id:
        settings["SUB_APP_ID"] = str(sub_app_id)
    return app, {f"BRIDGE_APPS__{name.upper()}__{key}": value for key, value in settings.items()}


async def all_confirmed(app: Application, within_s: float = 120) -> None:
    await eventually(lambda: not app.ledger.unconfirmed, "all are confirmed", within_s=within_s)


@pytest.mark.parametrize("mode", ["pull", "pull-legacy"])
async def test_what_waits_at_the_vendor_is_published_as_it_came_and_confirmed(
    environment: Environment, vendor: Vendor, mode: str
) -> None:
    app, settings = queue_at(vendor, mode=mode)
    payload = (
        b'{"TaskId": "t-1","Duration":59.990001678467,"Big":1e16,"Id":1152921504606846976,"x":"\\u00e9"}'
    )
    odd = b'{"EventType":"NeverHeardOf","NeverHeardOfEvent":' + payload + b"}"
    tasks = [new_task() for _ in range(100)]
    app.put(odd)
    app.put(b'{"EventType":"NewFileUpload"}')
    for task in tasks:
        app.put(edited(task))
    async with running(environment, settings) as program:
        await all_confirmed(app)
        await eventually(program.is_well, "nothing is degraded")
        pulled = await program.metric("vod_bridge_pull_confirms_total", app="shop", outcome="confirmed")

    assert await environment.ids() == sorted(map(edited_id, tasks))
    (other,) = await environment.records(environment.other)
    assert payload in (other.value or b"")
    assert json.loads(other.value or b"")["delivery"]["mode"] == "pull"
    (letter,) = await environment.rejected()
    assert dict(letter.headers)["reason"] == b"no_payload"
    assert pulled == len(tasks) + 2
    assert app.ledger.largest_group <= 16


async def test_an_empty_queue_is_polled_at_most_once_in_four_seconds_and_is_no_fault(
    environment: Environment, vendor: Vendor
) -> None:
    app, settings = queue_at(vendor)
    began = time.monotonic()
    async with running(environment, settings) as program:
        await eventually(lambda: app.ledger.calls, "it is asked")
        await eventually(lambda: time.monotonic() > began + 9, "a while passes")
        log = program.log()
        lasted = time.monotonic() - began
        calls = app.ledger.outcomes("PullEvents").total()

    assert calls <= 1 + lasted / 4
    assert "pull_failing" not in log


async def test_a_wrong_key_or_application_is_logged_in_one_line_and_affects_no_other(
    environment: Environment, vendor: Vendor
) -> None:
    good, settings = queue_at(vendor)
    _, wrong_key = queue_at(vendor, "forged")
    _, wrong_app = queue_at(vendor, "strange")
    vendor.add("AKID-forged", "rotated", sub_app_id=SUB_APP_ID)
    wrong_app["BRIDGE_APPS__STRANGE__SUB_APP_ID"] = "7"
    task = new_task()
    async with running(environment, settings | wrong_key | wrong_app) as program:
        await eventually(lambda: len(vendor.refused_calls) > 6, "both are refused several times")
        good.put(edited(task))
        await all_confirmed(good)
        lines = Counter(line["app"] for line in program.log_lines() if line["event"] == "pull_failing")

    assert lines == {"forged": 1, "strange": 1}
    assert await environment.ids() == [edited_id(task)]


async def test_a_rotated_key_in_a_mounted_folder_is_used_without_a_restart(
    environment: Environment, vendor: Vendor, tmp_path: Path
) -> None:
    app, _ = queue_at(vendor)
    settings = {
        "BRIDGE_APPS__SHOP__MODE": "pull",
        "BRIDGE_APPS__SHOP__SUB_APP_ID": str(SUB_APP_ID),
        "BRIDGE_APPS__SHOP__ENDPOINT": vendor.url,
        "BRIDGE_APPS__SHOP__CREDENTIALS_DIR": str(tmp_path),
    }
    write(tmp_path, secret_id="AKID-shop", secret_key="secret")
    tasks = [new_task(), new_task()]
    app.put(edited(tasks[0]))
    async with running(environment, settings):
        await all_confirmed(app)
        vendor.add("AKID-shop", "rotated", sub_app_id=SUB_APP_ID, token="temporary")
        write(tmp_path, secret_key="rotated", token="temporary")
        app.put(edited(tasks[1]))
        await all_confirmed(app)

    assert await environment.ids() == sorted(map(edited_id, tasks))


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n", encoding="utf-8")


async def test_while_kafka_is_down_nothing_is_pulled_and_pushed_events_have_the_spool(
    own_environment: Environment, vendor: Vendor
) -> None:
    app, settings = queue_at(vendor)
    settings["BRIDGE_APPS__DEFAULT__MODE"] = "push"
    tasks = [new_task() for _ in range(200)]
    async with running(own_environment, settings) as program:
        await eventually(lambda: app.ledger.calls, "it is asked")
        own_environment.kafka.pause()
        pushed = await send(program, new_task())
        calls = len(app.ledger.calls)
        for task in tasks:
            app.put(edited(task))
        began = time.monotonic()
        await eventually(lambda: time.monotonic() > began + 3, "a while passes")
        asked_meanwhile = len(app.ledger.calls) - calls
        own_environment.kafka.resume()
        await all_confirmed(app)

    assert pushed.outcome == "spooled"
    assert asked_meanwhile <= 1
    assert await own_environment.ids() == sorted(map(edited_id, [pushed.task, *tasks]))


@pytest.mark.long
async def test_faults_of_every_kind_a_kill_kafka_down_and_two_replicas_lose_nothing(
    own_environment: Environment, vendor: Vendor, tmp_path: Path
) -> None:
    app, settings = queue_at(vendor)
    app.behaviour.poll_s, app.behaviour.latency_s = 1, 0.02
    app.queue.lease_s = LEASE_S  # the shorter, the sooner comes what a lost answer holds back
    tasks = [new_task() for _ in range(EVENTS)]
    for task in tasks[: EVENTS // 2]:
        app.put(edited(task))
    vendor.faults.chances = FAULTS
    spools = [{"BRIDGE_SPOOL__PATH": str(tmp_path / name)} for name in ("one", "two")]
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(running(own_environment, settings | spools[0]))
        two = await stack.enter_async_context(running(own_environment, settings | spools[1]))
        await eventually(lambda: len(app.ledger.confirmed) > 300, "some are confirmed")
        one.kill()
        own_environment.kafka.pause()
        for task in tasks[EVENTS // 2 :]:
            app.put(edited(task))
        began = time.monotonic()
        await eventually(lambda: time.monotonic() > began + DOWN_S, "Kafka is down")
        confirmed_while_away = len(app.ledger.confirmed)
        own_environment.kafka.resume()
        successor = await stack.enter_async_context(running(own_environment, settings | spools[0]))
        await all_confirmed(app, within_s=600 if LONG else 240)
        await spool_is_empty(two)
        await spool_is_empty(successor)
        assert "Traceback" not in two.log() + successor.log()

    ids = Counter(await own_environment.ids())
    assert set(ids) == set(map(edited_id, tasks))
    repeated = sum(ids.values()) - len(ids)
    assert repeated <= 300  # what the killed one had published and not committed, or held
    assert confirmed_while_away <= len(tasks)
    assert app.ledger.largest_group <= 16
    assert app.ledger.oldest_s < 25


async def spool_is_empty(program: Program) -> None:
    async def empty() -> bool:
        return await program.metric("vod_bridge_spool_records") == 0

    await eventually(empty, "the spool is empty")
