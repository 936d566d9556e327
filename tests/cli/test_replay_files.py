"""``vod-bridge replay FILE`` on a real Kafka and a real Redis: files of notifications are delivered."""

import json
from pathlib import Path

from bridge.cli.replay.files import FileSelection
from bridge.cli.support.input_files import list_files
from tests.cli.replay_harness import ReplayHarness, edited_notifications
from tests.end_to_end.notifications import edited_id


async def test_files_are_published_once_and_what_is_rejected_stays_in_them(
    harness: ReplayHarness, tmp_path: Path
) -> None:
    tasks, bodies = edited_notifications(3)
    (tmp_path / "a.json").write_bytes(bodies[0])
    (tmp_path / "b.jsonl").write_bytes(b"\n".join((bodies[1], b'{"EventType":7}', bodies[2])))
    dry_run = await harness.replay(str(tmp_path), "--json")
    assert (dry_run.code, json.loads(dry_run.out)["endings"]) == (0, {"published": 3, "rejected": 1})
    assert f"{tmp_path}/b.jsonl#2: rejected  not_an_event" in dry_run.err
    assert await harness.environment.ids() == []
    files = list_files([tmp_path])
    done = await harness.run_files(FileSelection(files=files, app="default"))
    assert (done.is_successful, done.outcomes) == (False, {"published": 3, "rejected": 1})
    assert await harness.environment.ids() == sorted(map(edited_id, tasks))
    assert {event["delivery"]["mode"] for event in await harness.environment.published()} == {"replay"}
    assert await harness.environment.rejected() == []
    skipped = await harness.run_files(FileSelection(files=files, app="default", skip=1))
    assert skipped.outcomes == {"duplicate": 2, "rejected": 1}


async def test_standard_input_is_of_the_application_that_is_named(harness: ReplayHarness) -> None:
    (task,), (body,) = edited_notifications(1)
    apps = {"BRIDGE_APPS__SHOP__SIGN_KEY": "s1gn", "BRIDGE_APPS__OTHER__SUB_APP_ID": "7"}
    unnamed = await harness.replay("-", "--execute", stdin=body, settings=apps)
    assert (unnamed.code, "whose notifications are they? One of other, shop" in unnamed.err) == (2, True)
    assert (await harness.replay("-", "--app", "shop", "--execute", stdin=body, settings=apps)).code == 0
    (event,) = await harness.environment.published()
    assert (event["id"], event["app"]) == (edited_id(task), "shop")


async def test_more_than_a_thousand_are_not_replayed_without_confirmation(
    harness: ReplayHarness, tmp_path: Path
) -> None:
    tasks, bodies = edited_notifications(1001)
    file = tmp_path / "many.jsonl"
    file.write_bytes(b"\n".join(bodies))
    refused = await harness.replay(str(file), "--execute")
    assert (refused.code, "more than 1000 notifications: --yes" in refused.err) == (2, True)
    assert await harness.environment.ids() == []
    assert (await harness.run_files(FileSelection(files=[file], app="default"))).outcomes == {
        "published": 1001
    }
    assert await harness.environment.ids() == sorted(map(edited_id, tasks))


async def test_where_a_file_breaks_off_the_way_to_resume_is_printed(
    harness: ReplayHarness, tmp_path: Path
) -> None:
    (task,), (body,) = edited_notifications(1)
    (tmp_path / "a.json").write_bytes(body)
    unreadable = "/proc/self/mem"  # it is there, and cannot be read at its beginning
    result = await harness.replay(str(tmp_path / "a.json"), unreadable, "--execute")
    assert (result.code, "cannot read a file: Input/output error; --skip 1 goes on" in result.err) == (
        1,
        True,
    )
    assert await harness.environment.ids() == [edited_id(task)]
