"""``vod-bridge find`` and ``top`` beside a real bridge."""

import json

from tests.cli.cli_process import CommandResult, vod_bridge
from tests.console.console_client import FILE_ID, HOSTILE, READ_TOKEN, transcoded, uploaded
from tests.end_to_end.environment import Environment, running
from tests.end_to_end.workers import with_workers
from tests.rig.waiting import eventually


async def test_a_file_s_records_are_found_from_the_newest_on_with_how_far_it_looked(
    environment: Environment,
) -> None:
    async with running(environment) as program:
        await program.post(uploaded())
        await program.post(transcoded(message=HOSTILE))
        await program.post(transcoded("other-file", HOSTILE))
    found = await vod_bridge("find", FILE_ID, settings=environment.settings)
    lines = found.out.splitlines()
    assert (found.code, len(lines)) == (0, 2), found
    assert "TranscodeComplete  default  failed" in lines[0]
    assert "NewFileUpload" in lines[1]
    assert found.err.startswith("2 records found: looked at ")
    by_task = await vod_bridge("find", HOSTILE, "--json", settings=environment.settings)
    # The second one only names it, in its message.
    ids = [(one["file_id"], one["task_id"]) for one in map(json.loads, by_task.out.splitlines())]
    assert ids == [("other-file", HOSTILE), (FILE_ID, "1256768367-Transcode-1")]
    assert not {"\u202e", "\x1b"} & set(by_task.out)
    nothing = await vod_bridge("find", "99999999", settings=environment.settings)
    assert (nothing.code, nothing.out) == (1, "")
    assert "--everywhere reads all partitions" in nothing.err


async def test_top_shows_what_the_bridge_s_first_page_shows(environment: Environment) -> None:
    token = {"BRIDGE_ADMIN__READ_TOKEN": READ_TOKEN}
    async with running(environment, token) as program:
        await program.post(uploaded())
        shown = await vod_bridge("top", "--once", "--url", program.admin_url, settings=token)
        assert shown.code == 0, shown
        assert shown.out.startswith("ready")
        assert "published 1" in shown.out
        answer = await vod_bridge("top", "--json", "--url", program.admin_url, settings=token)
        assert json.loads(answer.out)["outcomes"]["published"] == 1
        refused = await vod_bridge("top", "--once", "--url", program.admin_url)
        assert (refused.code, "asks for a token" in refused.err) == (1, True)
    unknown = await vod_bridge("top", settings={"BRIDGE_ADMIN__PORT": "0"})
    assert (unknown.code, "--url" in unknown.err) == (2, True)
    incomplete = await vod_bridge("top", "--once", "--url", "localhost:9090")
    assert (incomplete.code, "must begin with http://" in incomplete.err) == (2, True)
    gone = await vod_bridge("top", "--once", "--url", program.admin_url)
    assert (gone.code, "is the bridge running" in gone.err) == (1, True)


async def test_top_shows_workers_and_the_replicas_that_do_not_answer(environment: Environment) -> None:
    settings = with_workers(2) | {"BRIDGE_ADMIN__PEERS": "127.0.0.1:1"}
    async with running(environment, settings) as program:

        async def with_both() -> CommandResult | None:  # each has a second for its answer
            shown = await vod_bridge("top", "--once", "--url", program.admin_url)
            return (
                shown
                if all(f"worker {number}  ready" in shown.out for number in (1, 2)) or shown.code
                else None
            )

        shown = await eventually(with_both, "both workers answer in time")
    assert shown is not None
    assert shown.code == 0, shown
    assert "worker 1  ready   0.0 events/s   in flight 0" in shown.out
    assert "worker 2  ready" in shown.out
    assert "replica 127.0.0.1:1  does not answer: cannot be reached" in shown.out
