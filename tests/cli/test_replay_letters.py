"""``vod-bridge replay --dead-letters`` on a real Kafka and Redis: each letter once, none passed over."""

import asyncio
import gzip
import json
import signal
import sys

import pytest
from msgspec.structs import replace

from bridge.cli.replay_letters import DeadLetterSelection
from bridge.cli.stretch import TimeRange
from bridge.wiring import now_ms
from tests.cli.replays import GROUP, LONG_AGO, LONG_AGO_MS, ReplayHarness, edited_notifications
from tests.cli.running import TIMEOUT_S, environment
from tests.journey.notifications import edited_id
from tests.journey.environment import Environment
from tests.rig.kafka import RealKafka
from tests.rig.parts import free_port
from tests.rig.reaper import watch_process
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

RESTORED = b'{"EventType":"RestoreMediaComplete","RestoreMediaCompleteEvent":{"FileId":"%b","Status":0}}'


@pytest.fixture
async def harness(request: pytest.FixtureRequest, kafka: RealKafka, redis: RealRedis) -> ReplayHarness:
    environment = Environment(kafka=kafka, redis=redis, name=request.node.name.removeprefix("test_")[:60])
    await kafka.create_topics(environment.topics)
    return ReplayHarness(environment)


async def test_what_a_fix_accepts_is_published_once_and_never_again(at: ReplayHarness) -> None:
    tasks, bodies = edited_notifications(20)
    await at.zz_write_dead_letters(*bodies)
    plan = await at.replay("--dead-letters")
    assert (plan.code, "20 would be published" in plan.out, "a dry run: nothing was written" in plan.out) == (
        0,
        True,
        True,
    )
    assert plan.err.count(edited_id(tasks[0])) == 1
    assert await at.zz_environment.ids() == []
    done = await at.replay("--dead-letters", "--run", "--json")
    told = json.loads(done.out)
    assert (done.code, done.err, told["endings"], told["stopped"]) == (0, "", {"published": 20}, "")
    assert await at.zz_environment.ids() == sorted(map(edited_id, tasks))
    (event, *_) = await at.zz_environment.published()
    assert event["delivery"] == {"format": "v3", "mode": "replay", "deduplicated": True}
    assert event["time"] == LONG_AGO
    at.zz_environment.redis.flush()  # the position alone tells what was done
    again = await at.replay("--dead-letters", "--run")
    assert (again.code, again.out) == (0, "no dead letters to replay\n")
    assert len(await at.zz_environment.ids()) == 20
    assert len(await at.zz_environment.dead_letters()) == 20


async def test_what_is_rejected_again_and_what_a_filter_leaves_stays_open(at: ReplayHarness) -> None:
    tasks, bodies = edited_notifications(3)
    await at.zz_write_dead_letters(bodies[0], b"{")
    await at.zz_write_dead_letters(b"{", reason="malformed")
    await at.zz_write_dead_letters(bodies[1], reason="conflict")
    await at.zz_write_dead_letters(bodies[2], app="unheard-of")
    first = await at.zz_run_dead_letters(DeadLetterSelection(group=GROUP, reasons=["no_payload"]))
    assert (first.zz_is_successful, first.endings, first.reasons) == (
        False,
        {"published": 1, "rejected": 1},
        {"malformed": 1},
    )
    assert first.left == {
        "of reason malformed": 1,
        "of reason conflict": 1,
        "of application unheard-of, not configured": 1,
    }
    assert (await at.zz_run_dead_letters()).endings == {"published": 1, "rejected": 2}
    said = await at.replay("--dead-letters", "--run")
    assert (said.code, "2 rejected" in said.out, "rejected again: 2 malformed" in said.out) == (1, True, True)
    assert await at.zz_environment.ids() == sorted(map(edited_id, tasks[:2]))
    assert len(await at.zz_environment.dead_letters()) == 5  # none was written a second time


async def test_what_was_published_before_is_a_duplicate_and_done(at: ReplayHarness) -> None:
    _, (body,) = edited_notifications(1)
    await at.zz_write_dead_letters(body, body, b" " + body)
    assert (await at.zz_run_dead_letters()).endings == {"published": 1, "duplicate": 2}
    assert (await at.zz_run_dead_letters(DeadLetterSelection(group=GROUP, zz_restart=True))).endings == {
        "duplicate": 3
    }
    assert len(await at.zz_environment.ids()) == 1


async def test_what_truly_came_twice_is_not_merged(at: ReplayHarness) -> None:
    body = RESTORED % b"5285890784"
    await at.zz_write_dead_letters(body, body)
    await at.zz_write_dead_letters(body, received_ms=LONG_AGO_MS + 3_600_000)
    told = await at.zz_run_dead_letters()
    assert (told.zz_is_successful, told.endings) == (
        False,
        {"published": 1, "duplicate": 1, "came again too soon": 1},
    )
    (first,) = await at.zz_environment.ids()
    assert first.endswith(f"@{LONG_AGO_MS}")
    at.zz_environment.redis.flush()  # a minute later
    assert (await at.zz_run_dead_letters()).endings == {"published": 1}
    assert await at.zz_environment.ids() == [
        first,
        first.replace(str(LONG_AGO_MS), str(LONG_AGO_MS + 3_600_000)),
    ]


async def test_an_event_that_was_too_large_for_its_topic_goes_there_as_it_is(at: ReplayHarness) -> None:
    (task,), (body,) = edited_notifications(1)
    record = at.record(body)
    await at.zz_write_dead_letters(record.value, reason="too_large")
    assert (await at.zz_run_dead_letters()).endings == {"published": 1}
    (found,) = await at.zz_environment.records(at.zz_environment.events)
    assert (found.key, found.value, list(found.headers)) == (record.key, record.value, record.headers)
    assert found.header("ce_id") == edited_id(task)


async def test_only_those_of_a_time_are_taken_and_the_others_wait(at: ReplayHarness) -> None:
    _, bodies = edited_notifications(2)
    await at.zz_write_dead_letters(*bodies)
    hour_ago = now_ms() - 3_600_000
    assert (
        await at.zz_run_dead_letters(
            DeadLetterSelection(group=GROUP, zz_time_range=TimeRange(None, hour_ago))
        )
    ).looked_at == 0
    assert (
        await at.zz_run_dead_letters(DeadLetterSelection(group=GROUP, zz_time_range=TimeRange(hour_ago)))
    ).endings == {"published": 2}
    assert (await at.zz_run_dead_letters()).looked_at == 0


async def test_interrupted_it_resumes_with_the_same_command(at: ReplayHarness) -> None:
    tasks, bodies = edited_notifications(10_000)
    await at.zz_write_dead_letters(*bodies)
    refused = await at.replay("--dead-letters", "--run")
    assert (refused.code, "10000 dead letters: --yes" in refused.err) == (2, True)
    command = [sys.executable, "-m", "bridge", "replay", "--dead-letters", "--yes"]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment(at.settings), stderr=asyncio.subprocess.PIPE
    )
    watch_process(process.pid)
    await eventually(at.zz_environment.ids, "some are published")
    process.send_signal(signal.SIGINT)
    _, said = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    assert process.returncode == 1
    assert b"interrupted; the same command goes on from there" in said
    before = len(await at.zz_environment.ids())
    assert 0 < before < 10_000
    at.zz_environment.redis.flush()  # so that only the position tells
    assert (await at.zz_run_dead_letters()).endings == {"published": 10_000 - before}
    assert await at.zz_environment.ids() == sorted(map(edited_id, tasks))


async def test_dead_letters_with_headers_that_are_no_text_are_reported_too(at: ReplayHarness) -> None:
    letter = at.zz_dead_letter_record(b"{", reason="malformed")
    for name in ("app", "reason"):
        await at.write(replace(letter, headers=[*letter.headers, (name, b"\xff")]))
    said = await at.replay("--dead-letters", "--reason", "malformed", "--json")
    assert json.loads(said.out)["left"] == {
        "of application \ufffd, not configured": 1,
        "of reason \ufffd": 1,
    }


async def test_without_redis_it_does_not_begin(at: ReplayHarness) -> None:
    _, bodies = edited_notifications(1)
    await at.zz_write_dead_letters(*bodies)
    away = {"BRIDGE_REDIS__URL": f"redis://127.0.0.1:{free_port()}"}
    said = await at.replay("--dead-letters", "--run", settings=away)
    assert (said.code, "--without-dedup goes on without it" in said.err) == (1, True)
    assert await at.zz_environment.ids() == []
    assert (await at.replay("--dead-letters", "--run", "--without-dedup", settings=away)).code == 0
    assert [event["delivery"]["deduplicated"] for event in await at.zz_environment.published()] == [False]


async def test_an_unavailable_kafka_or_topic_is_reported_in_one_line(at: ReplayHarness) -> None:
    away = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    said = await at.replay("--dead-letters", "--run", settings=away)
    assert (said.code, said.err.startswith("error: Kafka at 127.0.0.1:"), said.err.count("\n")) == (
        1,
        True,
        1,
    )
    _, bodies = edited_notifications(1)
    await at.zz_write_dead_letters(*bodies)
    said = await at.replay("--dead-letters", "--run", settings={"BRIDGE_KAFKA__TOPIC": "not.there"})
    assert (said.code, "topics are missing: not.there" in said.err) == (1, True)
    assert (await at.zz_run_dead_letters()).endings == {"published": 1}


async def test_a_dead_letter_that_was_kept_compressed_is_decompressed(at: ReplayHarness) -> None:
    tasks, (body, other) = edited_notifications(2)
    compressed = replace(at.zz_dead_letter_record(gzip.compress(body)), headers=_compressed(at, "gzip"))
    unknown = replace(at.zz_dead_letter_record(other), headers=_compressed(at, "utf-8"))
    broken = replace(at.zz_dead_letter_record(b"\x1f\x8b"), headers=_compressed(at, "gzip"))
    bomb = replace(at.zz_dead_letter_record(gzip.compress(b" " * 5_000_000)), headers=_compressed(at, "gzip"))
    await at.write(compressed, unknown, broken, bomb)
    plan = await at.replay("--dead-letters")
    assert ("2 would be published" in plan.out, "gzip: cut short" in plan.err) == (True, True)
    done = await at.zz_run_dead_letters(DeadLetterSelection(group=GROUP))
    assert (done.endings, done.reasons) == ({"published": 2, "rejected": 2}, {"malformed": 2})
    assert await at.zz_environment.ids() == sorted(map(edited_id, tasks))


def _compressed(at: ReplayHarness, encoding: str) -> list[tuple[str, bytes]]:
    return [*at.zz_dead_letter_record(b"").headers, ("content-encoding", encoding.encode())]
