"""Two releases on one Redis, and one spool that goes from one to the other and back: each event once."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.neighbours import Release, last_release, next_release
from tests.end_to_end.notifications import edited, edited_id, new_task
from tests.rig.program import Program, ProgramResponse
from tests.rig.waiting import eventually

MANY = 50


@pytest.fixture(params=["next", "last"])
def other_release(request: pytest.FixtureRequest, tmp_path: Path) -> Release:
    """Give the release after this one, or the one before it."""
    return (next_release if request.param == "next" else last_release)(tmp_path)


def transcoded(task: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the end of a transcoding as either format writes it."""
    file = f"file-of-{task}"
    payload = {
        "TaskId": task,
        "ErrCode": 0,
        "Message": "",
        "FileId": file,
        "FileName": "a.mp4",
        "Duration": 9,
    }
    data = {"vodTaskId": task, "status": 0, "message": "", "fileId": file, "fileName": "a.mp4", "duration": 9}
    return (
        {"EventType": "TranscodeComplete", "TranscodeCompleteEvent": payload},
        {"version": "4.0", "eventType": "TranscodeComplete", "data": data},
    )


def outcomes(answers: list[ProgramResponse]) -> Counter[str]:
    return Counter(answer.json["outcome"] for answer in answers)


async def to_each(programs: list[Program], bodies: list[Any], turn: int) -> list[ProgramResponse]:
    """Post every body to one of the programs, in turn."""
    posts = (programs[(at + turn) % len(programs)].post(body) for at, body in enumerate(bodies))
    return await asyncio.gather(*posts)


async def stands_once(environment: Environment, ids: list[str]) -> None:
    """Hold what is in Kafka against what has to be."""
    events = await environment.published()
    assert sorted(event["id"] for event in events) == sorted(ids)
    assert not any("revision" in event["delivery"] for event in events)


async def test_two_releases_at_one_redis_take_each_others_events_for_duplicates(
    environment: Environment, other_release: Release
) -> None:
    edits, codings, at_once = ([new_task() for _ in range(MANY)] for _ in range(3))
    async with running(environment) as ours, running(environment, other_release.settings) as theirs:
        assert f'"version":"{other_release.version}"' in theirs.log().replace(" ", "")
        both = [ours, theirs]
        first = await to_each(both, [edited(task) for task in edits], 0)
        again = await to_each(both, [edited(task) for task in edits], 1)
        v3 = await to_each(both, [transcoded(task)[0] for task in codings], 0)
        legacy = await to_each(both, [transcoded(task)[1] for task in codings], 1)
        legacy_again = await to_each(both, [transcoded(task)[1] for task in codings], 0)
        raced = await asyncio.gather(*(one.post(edited(task)) for task in at_once for one in both))

    assert outcomes(first) == outcomes(v3) == {"published": MANY}
    assert outcomes(again) == outcomes(legacy) == outcomes(legacy_again) == {"duplicate": MANY}
    assert outcomes(raced) == {"published": MANY, "duplicate": MANY}
    ids = [edited_id(task) for task in (*edits, *at_once)]
    await stands_once(environment, ids + [f"TranscodeComplete:{task}" for task in codings])


async def test_a_spool_goes_to_the_next_release_and_back_and_each_record_is_published_once(
    own_environment: Environment, other_release: Release, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spool = {"BRIDGE_SPOOL__PATH": str(tmp_path_factory.mktemp("spool"))}
    published: list[str] = []
    # Before the first life begins: no producer holds anything whose end is unknown.
    own_environment.kafka.pause()
    for release in (None, other_release):
        tasks = [new_task() for _ in range(MANY)]
        settings = spool | (release.settings if release is not None else {})
        async with running(own_environment, settings, wait_for="/livez") as program:
            results = await to_each([program], [edited(task) for task in tasks], 0)
            again = await to_each([program], [edited(task) for task in published], 0)
        assert outcomes(results) == {"spooled": MANY}
        assert outcomes(again) == ({"duplicate": len(published)} if published else {})
        published += tasks
    own_environment.kafka.resume()
    async with running(own_environment, spool) as back:

        async def empty() -> bool:
            return await back.metric("vod_bridge_spool_records") == 0

        await eventually(empty, "the spool is empty")
        again = await to_each([back], [edited(task) for task in published], 0)
        assert await back.metric("vod_bridge_spool_corruptions_total") == 0

    assert outcomes(again) == {"duplicate": 2 * MANY}
    await stands_once(own_environment, [edited_id(task) for task in published])
