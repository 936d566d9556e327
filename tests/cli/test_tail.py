"""``vod-bridge tail`` on a real Kafka: what is asked for, and an end in good order."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from tests.cli.replays import LONG_AGO, Replays
from tests.cli.running import WITHIN_S, Said, environment, vod_bridge
from tests.journey.notifications import edited, edited_id, new_task
from tests.journey.places import Place
from tests.rig.kafka import RealKafka
from tests.rig.reaper import watch_process
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

UPLOADED = b'{"EventType":"NewFileUpload","FileUploadEvent":{"FileId":"up"}}'
FAILED = (
    b'{"EventType":"ClipComplete","ClipCompleteEvent":{"TaskId":"c","ErrCode":70000,"Message":"no space"}}'
)


@pytest.fixture
async def at(request: pytest.FixtureRequest, kafka: RealKafka, redis: RealRedis) -> Replays:
    place = Place(kafka=kafka, redis=redis, name=request.node.name.removeprefix("test_")[:60])
    await kafka.create_topics(place.topics)
    return Replays(place)


async def _tail(at: Replays, *words: str) -> Said:
    said = await vod_bridge("tail", *words, settings=at.settings)
    assert (said.code, said.err) == (0, "")
    return said


@asynccontextmanager
async def _tailing(at: Replays, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "tail", *words),
        env=environment(at.settings),
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


async def test_what_is_there_is_shown_by_type_outcome_and_time_and_that_is_all(at: Replays) -> None:
    await at.publish(UPLOADED, FAILED)
    await at.bury(b"{", reason="malformed")
    between = datetime.now(UTC).isoformat()
    task = new_task()
    await at.publish(edited(task))
    day = LONG_AGO.replace("T", " ").removesuffix("Z")
    everything = await _tail(at, "--no-follow")
    assert set(everything.out.splitlines()) == {
        f"{day}  NewFileUpload  default  succeeded  file up",
        f"{day}  ClipComplete  default  failed  task c  70000 no space",
        f"{day}  dead letter  default  malformed  as it was  1 byte kept",
        f"{day}  EditMediaComplete  default  succeeded  file file-of-{task} task {task}",
    }
    later = await _tail(at, "--since", between, "--no-follow", "--json")
    (one,) = map(json.loads, later.out.splitlines())
    assert one["value"]["id"] == edited_id(task)
    failed = await _tail(
        at, "--no-follow", "--outcome", "failed", "--outcome", "rejected", "--app", "default"
    )
    assert {line.split()[2] for line in failed.out.splitlines()} == {"ClipComplete", "dead"}
    none = await _tail(at, "--no-follow", "--type", "FileDeleted")
    assert none.out == ""


async def test_it_follows_until_it_is_interrupted(at: Replays) -> None:
    await at.publish(UPLOADED)
    async with _tailing(at, "--since", "1h") as process:
        assert process.stdout is not None
        assert b"NewFileUpload" in await asyncio.wait_for(process.stdout.readline(), WITHIN_S)
        await at.publish(FAILED)
        line = await asyncio.wait_for(process.stdout.readline(), WITHIN_S)
        assert b"70000 no space" in line
        assert b"\x1b" not in line
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_where_nobody_reads_any_more_it_ends_well_without_waiting_for_an_event(at: Replays) -> None:
    await at.publish(UPLOADED)
    async with _tailing(at, "--from-beginning") as process:
        assert process.stdout is not None
        assert b"NewFileUpload" in await asyncio.wait_for(process.stdout.readline(), WITHIN_S)
        transport = process._transport.get_pipe_transport(1)  # type: ignore[attr-defined] # noqa: SLF001 - to close what it writes to, as `head` does
        transport.close()
        await eventually(lambda: process.returncode is not None, "it ends")
        assert process.stderr is not None
        assert (process.returncode, await process.stderr.read()) == (0, b"")


async def test_what_excludes_one_another_is_used_wrongly() -> None:
    said = await vod_bridge("tail", "--since", "1h", "--from-beginning")
    assert (said.code, "either --since or --from-beginning" in said.err) == (2, True)
    said = await vod_bridge("tail", "--type", "ClipComplete", "--outcome", "rejected")
    assert (said.code, "dead letters have no type" in said.err) == (2, True)
    said = await vod_bridge("tail", "--since", "noon")
    assert (said.code, "--since noon: must be like 2h" in said.err) == (2, True)


async def test_where_no_topic_exists_it_says_so(at: Replays) -> None:
    settings = at.settings | {"BRIDGE_KAFKA__TOPIC": f"{at.place.name}.not.there"}
    said = await vod_bridge("tail", "--no-follow", "--type", "ClipComplete", settings=settings)
    assert (said.code, said.out, "none of the topics exists yet" in said.err) == (0, "", True)
