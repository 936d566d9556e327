"""Five tasks that an agent does over MCP, with the real program, a real Kafka and a real Redis."""

import json
from pathlib import Path

from tests.cli.replay_harness import ReplayHarness
from tests.console.console_client import FILE_ID, HOSTILE, transcoded, uploaded
from tests.end_to_end.environment import Environment, running
from tests.mcp_server.agent import agent

_WITHOUT_PAYLOAD = b'{"EventType":"TranscodeComplete"}'


async def test_a_failed_body_is_explained(environment: Environment) -> None:
    async with agent(settings=environment.settings) as client:
        refused = await client.call("explain", {"body": _WITHOUT_PAYLOAD.decode()})
        explained = await client.call("explain", {"body": transcoded(message="secret words").decode()})
    explanation = refused["explanation"]
    assert (explanation["delivery_outcome"], explanation["reason"]) == ("rejected", "no_payload")
    assert "vod-bridge replay" in explanation["remedy"]
    assert explained["explanation"]["outcome"] == "failed"
    assert explained["event"]["file_id"] == FILE_ID
    assert explained["event"]["payload"]["Message"] == "****"
    assert "secret words" not in json.dumps(explained)


async def test_a_file_is_found_with_its_events(environment: Environment) -> None:
    async with running(environment) as program, agent(settings=environment.settings) as client:
        await program.post(uploaded())
        await program.post(transcoded(message=HOSTILE))
        found = await client.call("find", {"id": FILE_ID})
        assert [one["type"] for one in found["records"]] == ["TranscodeComplete", "NewFileUpload"]
        at = {name: found["records"][0][name] for name in ("topic", "partition", "offset")}
        shown = await client.call("record", at)
        newest = await client.call("tail", {"type": "NewFileUpload"})
        one = await client.call("find", {"id": FILE_ID, "limit": 1})
    assert (len(one["records"]), one["left_out"]) == (1, 1)
    assert shown["details"]["value"]["payload"]["Message"] == "****"
    assert [record["file_id"] for record in newest["records"]] == [FILE_ID]


async def test_hostile_texts_of_records_are_data_without_control_characters(environment: Environment) -> None:
    async with (
        running(environment) as program,
        agent("--show-payloads", settings=environment.settings) as client,
    ):
        await program.post(transcoded(HOSTILE, HOSTILE, message=HOSTILE))
        found = await client.call("tail")
        at = {name: found["records"][0][name] for name in ("topic", "partition", "offset")}
        shown = await client.call("record", at)
        by_id = await client.call("find", {"id": HOSTILE})
    assert found["records"][0]["file_id"].startswith("<script>alert(1)</script>\ufffd")
    assert shown["details"]["value"]["payload"]["Message"].startswith("<script>")
    assert len(by_id["records"]) == 1
    text = json.dumps([found, shown, by_id], ensure_ascii=False)
    assert not {"\u202e", "\x1b"} & set(text)
    assert "\\u001b" not in text


async def test_dead_letters_are_listed_by_reason_and_age(environment: Environment) -> None:
    replay = ReplayHarness(environment)
    await replay.write_dead_letters(b"{", reason="malformed")
    await replay.write_dead_letters(_WITHOUT_PAYLOAD, _WITHOUT_PAYLOAD)
    async with agent(settings=environment.settings) as client:
        found = await client.call("dead_letters")
        one_reason = await client.call("dead_letters", {"reason": "malformed", "max_age_hours": 1})
        rejected = await client.call("tail", {"outcome": "rejected", "limit": 2})
    assert [(one["reason"], one["pending"], one["last_hour"]) for one in found["groups"]] == [
        ("no_payload", 2, 2),
        ("malformed", 1, 1),
    ]
    assert (one_reason["pending"], len(one_reason["groups"])) == (1, 1)
    assert [one["kind"] for one in rejected["records"]] == ["dead_letter"] * 2


async def test_dead_letters_are_replayed_once_their_plan_was_shown(environment: Environment) -> None:
    replay = ReplayHarness(environment)
    await replay.write_dead_letters(uploaded())
    async with agent("--allow-write", settings=replay.settings) as client:
        planned = await client.call("replay_dead_letters", {"reasons": ["no_payload"]})
        assert planned["dry_run"]
        assert planned["summary"]["endings"] == {"published": 1}
        assert await environment.published() == []
        assert "no such plan" in await client.error("replay_dead_letters", {"plan": "0" * 16})
        plan = planned["plan"]
        other = {"plan": plan, "reasons": ["malformed"]}
        assert "given alone" in await client.error("replay_dead_letters", other)
        assert "no such plan" in await client.error("create_topics", {"plan": plan})
        await replay.write_dead_letters(transcoded())  # is not in the plan
        done = await client.call("replay_dead_letters", {"plan": plan})
        assert (done["dry_run"], done["summary"]["endings"]) == (False, {"published": 1})
        assert [event["type"] for event in await environment.published()] == ["NewFileUpload"]
        assert "no such plan" in await client.error("replay_dead_letters", {"plan": plan})
        lines = [json.loads(line) for line in client.log().splitlines() if line.startswith("{")]
    audited = [line for line in lines if line["event"].startswith("mcp_action")]
    assert [(line["event"], line["action"]) for line in audited] == [
        ("mcp_action_refused", "replay_dead_letters"),
        ("mcp_action_refused", "replay_dead_letters"),
        ("mcp_action_refused", "create_topics"),
        ("mcp_action", "replay_dead_letters"),
        ("mcp_action_refused", "replay_dead_letters"),
    ]
    assert all(line["client"] for line in audited)
    assert audited[3]["plan"] == plan


async def test_a_server_that_only_reads_refuses_to_write(environment: Environment) -> None:
    replay = ReplayHarness(environment)
    await replay.write_dead_letters(uploaded())
    async with agent(settings=environment.settings) as client:
        refused = await client.error("replay_dead_letters")
        assert "--allow-write" in refused
        assert "--allow-write" in await client.error("create_topics", {"plan": "x"})
        assert '"mcp_action_refused"' in client.log()
    assert await environment.published() == []


async def test_missing_topics_are_created_once_their_plan_was_shown(environment: Environment) -> None:
    names = [f"{topic}.new" for topic in environment.topics]
    variables = ("BRIDGE_KAFKA__TOPIC", "BRIDGE_KAFKA__TOPIC_OTHER", "BRIDGE_KAFKA__TOPIC_DEAD_LETTER")
    settings = environment.settings | dict(zip(variables, names, strict=True))
    async with agent("--allow-write", settings=settings) as client:
        planned = await client.call("create_topics", {"partitions": 2})
        assert len(planned["topics"]) == 3
        assert "partitions=2" in planned["topics"][0]
        before = await client.call("topics")
        assert [one["exists"] for one in before["topics"]] == [False] * 3
        done = await client.call("create_topics", {"plan": planned["plan"]})
        assert (sorted(done["topics"]), done["dry_run"]) == (sorted(names), False)
        after = await client.call("topics")
        assert [(one["exists"], one["partitions"]) for one in after["topics"]] == [(True, 2)] * 3
        again = await client.call("create_topics")
        assert (again["topics"], again["plan"]) == ([], "")


async def test_the_running_bridge_is_asked_at_its_admin_port(environment: Environment) -> None:
    async with (
        running(environment) as program,
        agent("--url", program.admin_url, settings=environment.settings) as client,
    ):
        await program.post(uploaded())
        status = await client.call("status")
        found = await client.call("metrics", {"name": "deliveries", "limit": 5})
        checked = await client.call("check")
        some = await client.call("metrics", {"limit": 1})
    assert status["status"]["outcomes"]["published"] == 1
    assert len(found["samples"]) == 5
    assert all("deliveries" in one["name"] for one in found["samples"])
    assert (len(some["samples"]), some["left_out"] > 10) == (1, True)
    assert {one["check"] for one in checked["findings"]} >= {"settings", "redis address"}


async def test_only_files_below_the_given_folders_are_read(environment: Environment, tmp_path: Path) -> None:
    folder, outside = tmp_path / "samples", tmp_path / "outside.json"
    folder.mkdir()
    (folder / "good.json").write_bytes(uploaded())
    outside.write_bytes(uploaded())
    (folder / "link.json").symlink_to(outside)
    async with agent("--files", str(folder), settings=environment.settings) as client:
        explained = await client.call("explain", {"path": str(folder / "good.json")})
        for path in (outside, folder / "link.json", folder / ".." / "outside.json", "/proc/self/environ"):
            refused = await client.error("explain", {"path": str(path)})
            assert "only files below" in refused
        assert "cannot be read" in await client.error("explain", {"path": str(folder / "none.json")})
        assert "regular file" in await client.error("explain", {"path": str(folder)})
    assert explained["explanation"]["type"] == "NewFileUpload"
