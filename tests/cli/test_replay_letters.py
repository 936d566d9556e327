"""``vod-bridge replay --dead-letters`` on a real Kafka and Redis: each letter once, none passed over."""

import asyncio
import gzip
import json
import signal
import sys

import pytest
from msgspec.structs import replace

from bridge.cli.replay_letters import Wish
from bridge.cli.stretch import Span
from bridge.wiring import now_ms
from tests.cli.replays import GROUP, LONG_AGO, LONG_AGO_MS, Replays, edits
from tests.cli.running import WITHIN_S, environment
from tests.journey.notifications import edited_id
from tests.journey.places import Place
from tests.rig.kafka import RealKafka
from tests.rig.parts import free_port
from tests.rig.reaper import watch_process
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

RESTORED = b'{"EventType":"RestoreMediaComplete","RestoreMediaCompleteEvent":{"FileId":"%b","Status":0}}'


@pytest.fixture
async def at(request: pytest.FixtureRequest, kafka: RealKafka, redis: RealRedis) -> Replays:
    place = Place(kafka=kafka, redis=redis, name=request.node.name.removeprefix("test_")[:60])
    await kafka.create_topics(place.topics)
    return Replays(place)


async def test_what_a_fix_lets_in_is_published_once_and_never_again(at: Replays) -> None:
    tasks, bodies = edits(20)
    await at.bury(*bodies)
    plan = await at.replay("--dead-letters")
    assert (plan.code, "20 would be published" in plan.out, "a dry run: nothing was written" in plan.out) == (
        0,
        True,
        True,
    )
    assert plan.err.count(edited_id(tasks[0])) == 1
    assert await at.place.ids() == []
    done = await at.replay("--dead-letters", "--run", "--json")
    told = json.loads(done.out)
    assert (done.code, done.err, told["endings"], told["stopped"]) == (0, "", {"published": 20}, "")
    assert await at.place.ids() == sorted(map(edited_id, tasks))
    (event, *_) = await at.place.published()
    assert event["delivery"] == {"format": "v3", "mode": "replay", "deduplicated": True}
    assert event["time"] == LONG_AGO
    at.place.redis.flush()  # the position alone tells what was done
    again = await at.replay("--dead-letters", "--run")
    assert (again.code, again.out) == (0, "no dead letters to replay\n")
    assert len(await at.place.ids()) == 20
    assert len(await at.place.buried()) == 20


async def test_what_is_rejected_again_and_what_a_filter_leaves_stays_open(at: Replays) -> None:
    tasks, bodies = edits(3)
    await at.bury(bodies[0], b"{")
    await at.bury(b"{", reason="malformed")
    await at.bury(bodies[1], reason="conflict")
    await at.bury(bodies[2], app="unheard-of")
    first = await at.letters(Wish(group=GROUP, reasons=["no_payload"]))
    assert (first.well, first.endings, first.reasons) == (
        False,
        {"published": 1, "rejected": 1},
        {"malformed": 1},
    )
    assert first.left == {
        "of reason malformed": 1,
        "of reason conflict": 1,
        "of application unheard-of, not configured": 1,
    }
    assert (await at.letters()).endings == {"published": 1, "rejected": 2}
    said = await at.replay("--dead-letters", "--run")
    assert (said.code, "2 rejected" in said.out, "rejected again: 2 malformed" in said.out) == (1, True, True)
    assert await at.place.ids() == sorted(map(edited_id, tasks[:2]))
    assert len(await at.place.buried()) == 5  # none was written a second time


async def test_what_was_published_before_is_a_duplicate_and_done(at: Replays) -> None:
    _, (body,) = edits(1)
    await at.bury(body, body, b" " + body)
    assert (await at.letters()).endings == {"published": 1, "duplicate": 2}
    assert (await at.letters(Wish(group=GROUP, again=True))).endings == {"duplicate": 3}
    assert len(await at.place.ids()) == 1


async def test_what_truly_came_twice_is_not_merged(at: Replays) -> None:
    body = RESTORED % b"5285890784"
    await at.bury(body, body)
    await at.bury(body, received_ms=LONG_AGO_MS + 3_600_000)
    told = await at.letters()
    assert (told.well, told.endings) == (False, {"published": 1, "duplicate": 1, "came again too soon": 1})
    (first,) = await at.place.ids()
    assert first.endswith(f"@{LONG_AGO_MS}")
    at.place.redis.flush()  # a minute later
    assert (await at.letters()).endings == {"published": 1}
    assert await at.place.ids() == [first, first.replace(str(LONG_AGO_MS), str(LONG_AGO_MS + 3_600_000))]


async def test_an_event_that_was_too_large_for_its_topic_goes_there_as_it_is(at: Replays) -> None:
    (task,), (body,) = edits(1)
    record = at.record(body)
    await at.bury(record.value, reason="too_large")
    assert (await at.letters()).endings == {"published": 1}
    (found,) = await at.place.records(at.place.events)
    assert (found.key, found.value, list(found.headers)) == (record.key, record.value, record.headers)
    assert found.header("ce_id") == edited_id(task)


async def test_only_those_of_a_time_are_taken_and_the_others_wait(at: Replays) -> None:
    _, bodies = edits(2)
    await at.bury(*bodies)
    hour_ago = now_ms() - 3_600_000
    assert (await at.letters(Wish(group=GROUP, span=Span(None, hour_ago)))).looked_at == 0
    assert (await at.letters(Wish(group=GROUP, span=Span(hour_ago)))).endings == {"published": 2}
    assert (await at.letters()).looked_at == 0


async def test_interrupted_it_goes_on_with_the_same_command(at: Replays) -> None:
    tasks, bodies = edits(10_000)
    await at.bury(*bodies)
    refused = await at.replay("--dead-letters", "--run")
    assert (refused.code, "10000 dead letters: --yes" in refused.err) == (2, True)
    command = [sys.executable, "-m", "bridge", "replay", "--dead-letters", "--yes"]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment(at.settings), stderr=asyncio.subprocess.PIPE
    )
    watch_process(process.pid)
    await eventually(at.place.ids, "some are published")
    process.send_signal(signal.SIGINT)
    _, said = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert process.returncode == 1
    assert b"interrupted; the same command goes on from there" in said
    before = len(await at.place.ids())
    assert 0 < before < 10_000
    at.place.redis.flush()  # so that only the position tells
    assert (await at.letters()).endings == {"published": 10_000 - before}
    assert await at.place.ids() == sorted(map(edited_id, tasks))


async def test_letters_with_headers_that_are_no_text_are_told_of_all_the_same(at: Replays) -> None:
    letter = at.letter(b"{", reason="malformed")
    for name in ("app", "reason"):
        await at.write(replace(letter, headers=[*letter.headers, (name, b"\xff")]))
    said = await at.replay("--dead-letters", "--reason", "malformed", "--json")
    assert json.loads(said.out)["left"] == {
        "of application \ufffd, not configured": 1,
        "of reason \ufffd": 1,
    }


async def test_without_redis_it_does_not_begin(at: Replays) -> None:
    _, bodies = edits(1)
    await at.bury(*bodies)
    away = {"BRIDGE_REDIS__URL": f"redis://127.0.0.1:{free_port()}"}
    said = await at.replay("--dead-letters", "--run", settings=away)
    assert (said.code, "--without-dedup goes on without it" in said.err) == (1, True)
    assert await at.place.ids() == []
    assert (await at.replay("--dead-letters", "--run", "--without-dedup", settings=away)).code == 0
    assert [event["delivery"]["deduplicated"] for event in await at.place.published()] == [False]


async def test_where_kafka_or_a_topic_is_away_one_line_says_so(at: Replays) -> None:
    away = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    said = await at.replay("--dead-letters", "--run", settings=away)
    assert (said.code, said.err.startswith("error: Kafka at 127.0.0.1:"), said.err.count("\n")) == (
        1,
        True,
        1,
    )
    _, bodies = edits(1)
    await at.bury(*bodies)
    said = await at.replay("--dead-letters", "--run", settings={"BRIDGE_KAFKA__TOPIC": "not.there"})
    assert (said.code, "topics are missing: not.there" in said.err) == (1, True)
    assert (await at.letters()).endings == {"published": 1}


async def test_a_letter_that_was_kept_compressed_is_opened_again(at: Replays) -> None:
    tasks, (body, other) = edits(2)
    compressed = replace(at.letter(gzip.compress(body)), headers=_compressed(at, "gzip"))
    unknown = replace(at.letter(other), headers=_compressed(at, "utf-8"))
    broken = replace(at.letter(b"\x1f\x8b"), headers=_compressed(at, "gzip"))
    bomb = replace(at.letter(gzip.compress(b" " * 5_000_000)), headers=_compressed(at, "gzip"))
    await at.write(compressed, unknown, broken, bomb)
    plan = await at.replay("--dead-letters")
    assert ("2 would be published" in plan.out, "gzip: cut short" in plan.err) == (True, True)
    done = await at.letters(Wish(group=GROUP))
    assert (done.endings, done.reasons) == ({"published": 2, "rejected": 2}, {"malformed": 2})
    assert await at.place.ids() == sorted(map(edited_id, tasks))


def _compressed(at: Replays, encoding: str) -> list[tuple[str, bytes]]:
    return [*at.letter(b"").headers, ("content-encoding", encoding.encode())]
