"""``vod-bridge tail`` on a real Kafka: what its filter selects, and a clean end."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from tests.cli.cli_process import TIMEOUT_S, CommandResult, environment, vod_bridge
from tests.cli.dev_process import dev_process
from tests.cli.replay_harness import LONG_AGO, ReplayHarness
from tests.end_to_end.notifications import edited, edited_id, new_task
from tests.rig.reaper import watch_process
from tests.rig.waiting import eventually

pytestmark = pytest.mark.services

UPLOADED = b'{"EventType":"NewFileUpload","FileUploadEvent":{"FileId":"up"}}'
FAILED = (
    b'{"EventType":"ClipComplete","ClipCompleteEvent":{"TaskId":"c","ErrCode":70000,"Message":"no space"}}'
)


async def _tail(harness: ReplayHarness, *words: str) -> CommandResult:
    result = await vod_bridge("tail", *words, settings=harness.settings)
    assert (result.code, result.err) == (0, "")
    return result


@asynccontextmanager
async def _tailing(harness: ReplayHarness, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "tail", *words),
        env=environment(harness.settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    watch_process(process.pid)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_what_is_there_is_shown_by_type_outcome_and_time_and_that_is_all(
    harness: ReplayHarness,
) -> None:
    await harness.publish(UPLOADED, FAILED)
    await harness.write_dead_letters(b"{", reason="malformed")
    between = datetime.now(UTC).isoformat()
    task = new_task()
    await harness.publish(edited(task))
    day = LONG_AGO.replace("T", " ").removesuffix("Z")
    everything = await _tail(harness, "--no-follow")
    assert set(everything.out.splitlines()) == {
        f"{day}  NewFileUpload  default  succeeded  file up",
        f"{day}  ClipComplete  default  failed  task c  70000 no space",
        f"{day}  dead letter  default  malformed  as it was  1 byte kept",
        f"{day}  EditMediaComplete  default  succeeded  file file-of-{task} task {task}",
    }
    later = await _tail(harness, "--since", between, "--no-follow", "--json")
    (one,) = map(json.loads, later.out.splitlines())
    assert one["value"]["id"] == edited_id(task)
    failed = await _tail(
        harness, "--no-follow", "--outcome", "failed", "--outcome", "rejected", "--app", "default"
    )
    assert {line.split()[2] for line in failed.out.splitlines()} == {"ClipComplete", "dead"}
    none = await _tail(harness, "--no-follow", "--type", "FileDeleted")
    assert none.out == ""
    too_late = await _tail(harness, "--no-follow", "--since", "0s")
    assert too_late.out == ""


async def test_events_are_chosen_by_file_task_and_id(harness: ReplayHarness) -> None:
    task = new_task()
    await harness.publish(UPLOADED, FAILED, edited(task))
    await harness.write_dead_letters(b'{"file_id":"up"', reason="malformed")
    for words, type_ in (
        (("--file", "up"), "NewFileUpload"),
        (("--file", "other", "--task", task), ""),
        (("--file", f"file-of-{task}", "--task", task), "EditMediaComplete"),
        (("--task", "c", "--task", "nothing"), "ClipComplete"),
        (("--id", edited_id(task)), "EditMediaComplete"),
    ):
        result = await _tail(harness, "--no-follow", *words)
        assert [line.split()[2] for line in result.out.splitlines()] == [type_] * bool(type_)


async def test_ids_ends_a_line_with_id_and_position(harness: ReplayHarness) -> None:
    task = new_task()
    await harness.publish(edited(task))
    await harness.write_dead_letters(b"{", reason="malformed")
    result = await _tail(harness, "--no-follow", "--ids", "--json")
    positions = {
        record["topic"]: "{topic}/{partition}/{offset}".format(**record)
        for record in map(json.loads, result.out.splitlines())
    }
    result = await _tail(harness, "--no-follow", "--ids")
    ends = [re.sub(r"^.*?  (?=(id \S+ )?at \S+$)", "", line) for line in result.out.splitlines()]
    assert set(ends) == {
        f"id {edited_id(task)} at {positions[harness.environment.events]}",
        f"at {positions[harness.environment.dead_letters]}",
    }


async def test_types_unknown_to_the_catalogue_are_shown_by_other_alone(harness: ReplayHarness) -> None:
    await harness.publish(
        UPLOADED, b'{"EventType":"BrandNewComplete","BrandNewCompleteEvent":{"FileId":"n"}}'
    )
    result = await _tail(harness, "--no-follow", "--type", "other")
    assert [line.split()[2] for line in result.out.splitlines()] == ["BrandNewComplete"]


async def test_a_type_that_does_not_exist_is_refused_with_the_nearest_one(harness: ReplayHarness) -> None:
    result = await vod_bridge("tail", "--no-follow", "--type", "ClipComplet", settings=harness.settings)
    assert (result.code, result.out) == (2, "")
    assert "--type ClipComplet: there is no such type; did you mean ClipComplete? " in result.err
    result = await vod_bridge("tail", "--type", "Zzz", settings=harness.settings)
    assert (result.code, "--type Zzz: there is no such type. `vod-bridge schemas`" in result.err) == (2, True)


async def test_a_type_of_a_newer_release_is_read_from_its_topic(harness: ReplayHarness) -> None:
    settings = harness.settings | {"BRIDGE_KAFKA__TOPIC": f"{harness.environment.name}.newer.{{type}}"}
    await harness.environment.kafka.create_topics([f"{harness.environment.name}.newer.OfTomorrow"])
    result = await vod_bridge("tail", "--no-follow", "--type", "OfTomorrow", settings=settings)
    assert (result.code, result.out, result.err) == (0, "", "")


async def test_an_application_that_is_not_configured_is_refused_or_where_none_is_doubted(
    harness: ReplayHarness,
) -> None:
    await harness.publish(UPLOADED)
    shops = harness.settings | {"BRIDGE_APPS__MY_SHOP__TOKEN": "t"}
    result = await vod_bridge("tail", "--no-follow", "--app", "my-shp", settings=shops)
    assert (result.code, result.out) == (2, "")
    assert "no such application is configured; did you mean my-shop? Configured: my-shop" in result.err
    result = await vod_bridge("tail", "--no-follow", "--app", "my-shop", settings=harness.settings)
    assert (result.code, result.out) == (0, "")
    assert "no application is configured here" in result.err
    assert "no record of it was read; applications with records: default" in result.err


@pytest.mark.parametrize("words", [(), ("--no-follow",)])
async def test_on_a_broker_that_finds_nothing_by_time_since_reads_all_and_leaves_older_records_out(
    words: tuple[str, ...],
) -> None:
    pytest.importorskip("confluent_kafka")
    async with dev_process() as dev:
        shown = await vod_bridge("tail", "--from-beginning", "--max", "3", "--json", settings=dev.exports)
        assert "reason" in json.loads(shown.out.splitlines()[2])["headers"]
        between = datetime.now(UTC).isoformat()
        await vod_bridge("send", "-", "--url", dev.url, stdin=UPLOADED)
        result = await vod_bridge("tail", "--since", "1h", "--max", "4", *words, settings=dev.exports)
        assert (result.code, len(result.out.splitlines())) == (0, 4)
        assert "cannot find records by time" in result.err
        result = await vod_bridge("tail", "--since", between, "--max", "1", *words, settings=dev.exports)
        assert "NewFileUpload" in result.out


async def test_it_follows_until_it_is_interrupted(harness: ReplayHarness) -> None:
    await harness.publish(UPLOADED)
    async with _tailing(harness, "--since", "1h") as process:
        assert process.stdout is not None
        assert b"NewFileUpload" in await asyncio.wait_for(process.stdout.readline(), TIMEOUT_S)
        await harness.publish(FAILED)
        line = await asyncio.wait_for(process.stdout.readline(), TIMEOUT_S)
        assert b"70000 no space" in line
        assert b"\x1b" not in line
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_where_nobody_reads_any_more_it_ends_well_without_waiting_for_an_event(
    harness: ReplayHarness,
) -> None:
    await harness.publish(UPLOADED)
    async with _tailing(harness, "--from-beginning") as process:
        assert process.stdout is not None
        assert b"NewFileUpload" in await asyncio.wait_for(process.stdout.readline(), TIMEOUT_S)
        transport = process._transport.get_pipe_transport(1)  # type: ignore[attr-defined] # noqa: SLF001 - to close what it writes to, as `head` does
        transport.close()
        await eventually(lambda: process.returncode is not None, "it ends")
        assert process.stderr is not None
        assert (process.returncode, await process.stderr.read()) == (0, b"")


async def test_what_excludes_one_another_is_used_wrongly() -> None:
    result = await vod_bridge("tail", "--since", "1h", "--from-beginning")
    assert (result.code, "either --since or --from-beginning" in result.err) == (2, True)
    result = await vod_bridge("tail", "--type", "ClipComplete", "--dead-letters")
    assert (result.code, "dead letters have no type" in result.err) == (2, True)
    result = await vod_bridge("tail", "--file", "f", "--outcome", "rejected")
    assert (result.code, "dead letters have no type, file" in result.err) == (2, True)
    result = await vod_bridge("tail", "--since", "noon")
    assert (result.code, "--since noon: must be like 2h" in result.err) == (2, True)


async def test_where_no_topic_exists_it_is_reported(harness: ReplayHarness) -> None:
    settings = harness.settings | {"BRIDGE_KAFKA__TOPIC": f"{harness.environment.name}.not.there"}
    result = await vod_bridge("tail", "--no-follow", "--type", "ClipComplete", settings=settings)
    assert (result.code, result.out, "none of the topics exists yet" in result.err) == (0, "", True)
