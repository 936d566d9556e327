"""``vod-bridge replay --dead-letters`` on a real Kafka and Redis: each dead letter once, none skipped."""

import asyncio
import gzip
import json
import signal
import sys

from msgspec.structs import replace

from bridge.operations.replay.dead_letters import DeadLetterSelection
from bridge.operations.topic_range import TimeRange
from bridge.wiring import now_ms
from tests.cli.cli_process import TIMEOUT_S, environment
from tests.cli.replay_harness import GROUP, LONG_AGO, LONG_AGO_MS, ReplayHarness, edited_notifications
from tests.end_to_end.notifications import edited_id
from tests.rig.kafka import RealKafka
from tests.rig.parts import free_port
from tests.rig.reaper import watch_process
from tests.rig.waiting import eventually

RESTORED = b'{"EventType":"RestoreMediaComplete","RestoreMediaCompleteEvent":{"FileId":"%b","Status":0}}'


async def test_what_a_fix_accepts_is_published_once_and_never_again(harness: ReplayHarness) -> None:
    tasks, bodies = edited_notifications(20)
    await harness.write_dead_letters(*bodies)
    dry_run = await harness.replay("--dead-letters")
    assert (
        dry_run.code,
        "20 would be published" in dry_run.out,
        "a dry run: nothing was written" in dry_run.out,
    ) == (
        0,
        True,
        True,
    )
    assert dry_run.err.count(edited_id(tasks[0])) == 1
    assert await harness.environment.ids() == []
    done = await harness.replay("--dead-letters", "--execute", "--json")
    report = json.loads(done.out)
    assert (done.code, done.err, report["endings"], report["stopped"]) == (0, "", {"published": 20}, "")
    assert await harness.environment.ids() == sorted(map(edited_id, tasks))
    (event, *_) = await harness.environment.published()
    assert event["delivery"] == {"format": "v3", "mode": "replay", "deduplicated": True}
    assert event["time"] == LONG_AGO
    harness.environment.redis.flush()  # the position alone tells what was done
    again = await harness.replay("--dead-letters", "--run")  # the former name of --execute
    assert (again.code, again.out) == (0, "no dead letters to replay\n")
    assert len(await harness.environment.ids()) == 20
    assert len(await harness.environment.rejected()) == 20


async def test_what_is_rejected_again_and_what_a_filter_leaves_stays_open(harness: ReplayHarness) -> None:
    tasks, bodies = edited_notifications(3)
    await harness.write_dead_letters(bodies[0], b"{")
    await harness.write_dead_letters(b"{", reason="malformed")
    await harness.write_dead_letters(bodies[1], reason="conflict")
    await harness.write_dead_letters(bodies[2], app="unheard-of")
    first = await harness.run_dead_letters(DeadLetterSelection(group=GROUP, reasons=["no_payload"]))
    assert (first.is_successful, first.outcomes, first.reasons) == (
        False,
        {"published": 1, "rejected": 1},
        {"malformed": 1},
    )
    assert first.skipped == {
        "of reason malformed": 1,
        "of reason conflict": 1,
        "of application unheard-of, not configured": 1,
    }
    assert (await harness.run_dead_letters()).outcomes == {"published": 1, "rejected": 2}
    result = await harness.replay("--dead-letters", "--execute")
    assert (result.code, "2 rejected" in result.out, "rejected again: 2 malformed" in result.out) == (
        1,
        True,
        True,
    )
    assert await harness.environment.ids() == sorted(map(edited_id, tasks[:2]))
    assert len(await harness.environment.rejected()) == 5  # none was written a second time


async def test_what_was_published_before_is_a_duplicate_and_done(harness: ReplayHarness) -> None:
    _, (body,) = edited_notifications(1)
    await harness.write_dead_letters(body, body, b" " + body)
    assert (await harness.run_dead_letters()).outcomes == {"published": 1, "duplicate": 2}
    assert (await harness.run_dead_letters(DeadLetterSelection(group=GROUP, restart=True))).outcomes == {
        "duplicate": 3
    }
    assert len(await harness.environment.ids()) == 1


async def test_what_truly_came_twice_is_not_merged(harness: ReplayHarness) -> None:
    body = RESTORED % b"5285890784"
    await harness.write_dead_letters(body, body)
    await harness.write_dead_letters(body, received_ms=LONG_AGO_MS + 3_600_000)
    report = await harness.run_dead_letters()
    assert (report.is_successful, report.outcomes) == (
        False,
        {"published": 1, "duplicate": 1, "came again too soon": 1},
    )
    (first,) = await harness.environment.ids()
    assert first.endswith(f"@{LONG_AGO_MS}")
    harness.environment.redis.flush()  # a minute later
    assert (await harness.run_dead_letters()).outcomes == {"published": 1}
    assert await harness.environment.ids() == [
        first,
        first.replace(str(LONG_AGO_MS), str(LONG_AGO_MS + 3_600_000)),
    ]


async def test_an_event_that_was_too_large_for_its_topic_goes_there_as_it_is(harness: ReplayHarness) -> None:
    (task,), (body,) = edited_notifications(1)
    record = harness.record(body)
    await harness.write_dead_letters(record.value, reason="too_large")
    assert (await harness.run_dead_letters()).outcomes == {"published": 1}
    (found,) = await harness.environment.records(harness.environment.events)
    assert (found.key, found.value, list(found.headers)) == (record.key, record.value, record.headers)
    assert found.header("ce_id") == edited_id(task)


async def test_only_those_of_a_time_are_taken_and_the_others_wait(harness: ReplayHarness) -> None:
    _, bodies = edited_notifications(2)
    await harness.write_dead_letters(*bodies)
    hour_ago = now_ms() - 3_600_000
    assert (
        await harness.run_dead_letters(DeadLetterSelection(group=GROUP, time_range=TimeRange(None, hour_ago)))
    ).processed == 0
    assert (
        await harness.run_dead_letters(DeadLetterSelection(group=GROUP, time_range=TimeRange(hour_ago)))
    ).outcomes == {"published": 2}
    assert (await harness.run_dead_letters()).processed == 0


async def test_of_a_topic_that_was_deleted_and_made_again_all_are_taken(harness: ReplayHarness) -> None:
    kafka, topic = harness.environment.kafka, harness.environment.dead_letters
    _, bodies = edited_notifications(8)
    await harness.write_dead_letters(*bodies[:3])
    assert (await harness.run_dead_letters()).outcomes == {"published": 3}
    await kafka.delete_topics([topic])
    await eventually(lambda: _is_made(kafka, topic), "the topic is made again")
    await harness.write_dead_letters(
        *bodies[3:]
    )  # more than there were: offsets start over, and pass the old end
    assert (await harness.run_dead_letters()).outcomes == {"published": 5}


async def _is_made(kafka: RealKafka, topic: str) -> bool:
    try:
        await kafka.create_topics([topic])
    except RuntimeError:  # it is still being deleted
        return False
    return True


async def test_interrupted_it_resumes_with_the_same_command(harness: ReplayHarness) -> None:
    redis = harness.environment.redis
    tasks, bodies = edited_notifications(10_000)
    await harness.write_dead_letters(*bodies)
    refused = await harness.replay("--dead-letters", "--execute")
    assert (refused.code, "10000 dead letters: --yes" in refused.err) == (2, True)
    command = [sys.executable, "-m", "bridge", "replay", "--dead-letters", "--yes"]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment(harness.settings), stderr=asyncio.subprocess.PIPE
    )
    watch_process(process.pid)
    await eventually(lambda: int(redis.command("DBSIZE")[1:]) > 300, "it is under way", every_s=0.002)
    process.send_signal(signal.SIGINT)
    _, result = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    assert process.returncode == 1
    assert b"interrupted; the same command goes on from there" in result
    before = len(await harness.environment.ids())
    assert 0 < before < 10_000
    redis.flush()  # so that only the position tells
    assert (await harness.run_dead_letters()).outcomes == {"published": 10_000 - before}
    assert await harness.environment.ids() == sorted(map(edited_id, tasks))


async def test_dead_letters_with_headers_that_are_no_text_are_reported_too(harness: ReplayHarness) -> None:
    dead_letter = harness.dead_letter_record(b"{", reason="malformed")
    for name in ("app", "reason"):
        await harness.write(replace(dead_letter, headers=[*dead_letter.headers, (name, b"\xff")]))
    result = await harness.replay("--dead-letters", "--reason", "malformed", "--json")
    assert json.loads(result.out)["left"] == {
        "of application \ufffd, not configured": 1,
        "of reason \ufffd": 1,
    }


async def test_without_redis_it_does_not_begin(harness: ReplayHarness) -> None:
    _, bodies = edited_notifications(1)
    await harness.write_dead_letters(*bodies)
    unavailable = {"BRIDGE_REDIS__URL": f"redis://127.0.0.1:{free_port()}"}
    result = await harness.replay("--dead-letters", "--execute", settings=unavailable)
    assert (result.code, "--without-dedup goes on without it" in result.err) == (1, True)
    assert await harness.environment.ids() == []
    assert (
        await harness.replay("--dead-letters", "--execute", "--without-dedup", settings=unavailable)
    ).code == 0
    assert [event["delivery"]["deduplicated"] for event in await harness.environment.published()] == [False]


async def test_an_unavailable_kafka_or_topic_is_reported_in_one_line(harness: ReplayHarness) -> None:
    unavailable = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    result = await harness.replay("--dead-letters", "--execute", settings=unavailable)
    assert (result.code, result.err.startswith("error: Kafka at 127.0.0.1:"), result.err.count("\n")) == (
        1,
        True,
        1,
    )
    _, bodies = edited_notifications(1)
    await harness.write_dead_letters(*bodies)
    result = await harness.replay(
        "--dead-letters", "--execute", settings={"BRIDGE_KAFKA__TOPIC": "not.there"}
    )
    assert (result.code, "topics are missing: not.there" in result.err) == (1, True)
    assert (await harness.run_dead_letters()).outcomes == {"published": 1}


async def test_a_dead_letter_that_was_kept_compressed_is_decompressed(harness: ReplayHarness) -> None:
    tasks, (body, other) = edited_notifications(2)
    compressed = replace(
        harness.dead_letter_record(gzip.compress(body)), headers=_compressed(harness, "gzip")
    )
    unknown = replace(harness.dead_letter_record(other), headers=_compressed(harness, "utf-8"))
    broken = replace(harness.dead_letter_record(b"\x1f\x8b"), headers=_compressed(harness, "gzip"))
    bomb = replace(
        harness.dead_letter_record(gzip.compress(b" " * 5_000_000)), headers=_compressed(harness, "gzip")
    )
    await harness.write(compressed, unknown, broken, bomb)
    dry_run = await harness.replay("--dead-letters")
    assert ("2 would be published" in dry_run.out, "gzip: cut short" in dry_run.err) == (True, True)
    done = await harness.run_dead_letters(DeadLetterSelection(group=GROUP))
    assert (done.outcomes, done.reasons) == ({"published": 2, "rejected": 2}, {"malformed": 2})
    assert await harness.environment.ids() == sorted(map(edited_id, tasks))


def _compressed(harness: ReplayHarness, encoding: str) -> list[tuple[str, bytes]]:
    return [*harness.dead_letter_record(b"").headers, ("content-encoding", encoding.encode())]
