"""The JSON API of a real program with a real Kafka and Redis, held against its own OpenAPI document."""

import json
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from jsonschema import Draft202012Validator

from bridge.operations.kafka_admin import describe_cluster
from tests.cli.cli_process import vod_bridge
from tests.console.console_client import (
    FILE_ID,
    HELPER_WITHIN_S,
    HOSTILE,
    SAME_SITE,
    TOKEN,
    ConsoleClient,
    transcoded,
    uploaded,
)
from tests.console.group_dead_letters import write_group_dead_letters
from tests.end_to_end.environment import Environment, running
from tests.rig.program import Program
from tests.rig.waiting import eventually

TASK = "1256768367-Transcode-1"


async def validate(client: ConsoleClient, answers: dict[str, Any]) -> None:
    """Hold answers, by their path in the document, against its schemas."""
    document = await client.api("openapi.json")
    for path, answer in answers.items():
        operation = document["paths"][path]["get"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(answer)


async def test_every_answer_is_as_the_document_describes_it(environment: Environment) -> None:
    async with running(environment) as program, ConsoleClient(program) as client:
        await program.post(uploaded())
        await program.post(transcoded())
        await program.post(b"no json")
        await program.post(b"{}", "/callbacks/nobody")
        answers = {
            f"/{name}": await client.api(name)
            for name in (
                "status",
                "deliveries",
                "applications",
                "topics",
                "groups",
                "spool",
                "settings",
                "types",
                "dead-letters",
            )
        }
        answers["/check"] = await check_without_failures(client)
        found = answers["/find"] = await client.api(f"find?q={FILE_ID}")
        first = found["records"][0]
        answers["/events/{topic}/{partition}/{offset}"] = await client.api(
            f"events/{first['topic']}/{first['partition']}/{first['offset']}"
        )
        await validate(client, answers)
        check_content(answers)
        schema = await client.get("/api/v1/types/TranscodeComplete/schema")
        assert schema.json["title"] == "TranscodeComplete, version 1"
        assert await helper_ends_with(program)


async def check_without_failures(client: ConsoleClient) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Check the settings until Kafka and Redis have answered the helper in time, and nothing is wrong."""

    async def checked() -> dict[str, Any] | None:
        found: dict[str, Any] = await client.api("check")
        return found if all(one["state"] != "failed" for one in found["findings"]) else None

    return await eventually(checked, "no finding is a failure", within_s=HELPER_WITHIN_S)


def check_content(answers: dict[str, Any]) -> None:
    status = answers["/status"]
    assert (status["state"], status["can_act"]) == ("ready", False)
    assert status["outcomes"]["published"] == 2
    assert status["refused_requests"] == 1
    shown = [(one["outcome"], one.get("reason", "")) for one in answers["/deliveries"]["deliveries"]]
    assert shown == [
        ("refused", "unknown_application"),
        ("rejected", "malformed"),
        ("published", ""),
        ("published", ""),
    ]
    assert answers["/deliveries"]["deliveries"][0]["client"] == "127.0.0.1"
    assert [one["type"] for one in answers["/find"]["records"]] == ["TranscodeComplete", "NewFileUpload"]
    assert answers["/find"]["progress"]["by_key"] is True
    assert {one["reason"]: one["pending"] for one in answers["/dead-letters"]["groups"]} == {"malformed": 1}
    names = {one["name"]: one for one in answers["/settings"]["settings"]}
    assert names["BRIDGE_KAFKA__TOPIC"]["origin"] == "environment"


async def helper_ends_with(program: Program) -> bool:
    """Tell whether the program ends in order while its helper process is there."""
    return await program.terminate() == 0


async def test_an_event_is_found_by_any_of_its_ids_and_by_nothing_like_them(environment: Environment) -> None:
    async with running(environment) as program, ConsoleClient(program) as client:
        for at in range(30):
            await program.post(uploaded(str(7000000 + at)))
            await program.post(transcoded(str(7000000 + at), f"1256768367-Transcode-{at}"))
        for text in ("1256768367-Transcode-7", "TranscodeComplete:1256768367-Transcode-7"):
            (one,) = (await client.api(f"find?q={text}"))["records"]
            assert (one["file_id"], one["task_id"]) == ("7000007", "1256768367-Transcode-7")
            assert one["errors"] == ["70000"]
        assert len((await client.api("find?q=7000007"))["records"]) == 2
        assert len((await client.api("find?q=7000007&everywhere=1"))["records"]) == 2
        nothing = await client.api("find?q=1256768367-Transcode-")
        assert nothing["records"] == []
        assert nothing["progress"]["is_whole"] is True
        assert nothing["progress"]["records_read"] >= 60
        events = await client.first_events("/api/v1/find?q=7000007", 3)
        assert {name for name, _ in events} == {"records", "progress"}


async def test_what_is_published_shows_live_and_only_what_the_filter_lets_through(
    environment: Environment,
) -> None:
    async with running(environment) as program, ConsoleClient(program) as client:

        async def post_until_seen() -> list[tuple[str, Any]]:
            await program.post(uploaded("7000001"))
            await program.post(transcoded("7000002"))
            return await client.first_events("/api/v1/deliveries?type=TranscodeComplete&after=1", 1)

        ((name, data),) = await post_until_seen()
        assert name == "deliveries"
        assert {one["type"] for one in data["deliveries"]} == {"TranscodeComplete"}
        limited = await client.api("deliveries?limit=1")
        assert (len(limited["deliveries"]), limited["left_out"]) == (1, 1)
        for accept in ("application/json", "text/event-stream"):
            for query in ("peers=many", "after=?"):
                refused = await client.get(f"/api/v1/deliveries?{query}", {"Accept": accept})
                assert refused.status == 400, (accept, query)
        assert (await client.get("/api/v1/deliveries?limit=many")).status == 400
        assert (await client.get("/api/v1/deliveries?limit=1&limit=2")).status == 400


async def test_a_payload_is_masked_unless_the_settings_show_it(environment: Environment) -> None:
    async def value(program: Program) -> str:
        async with ConsoleClient(program) as client:
            found = (await client.api(f"find?q={FILE_ID}"))["records"][0]
            answer = await client.api(f"events/{found['topic']}/{found['partition']}/{found['offset']}")
            return json.dumps(answer)

    async with running(environment) as program:
        await program.post(transcoded(message="a private message"))
        text = await value(program)
        assert "private" not in text
        async with ConsoleClient(program) as client:
            assert (await client.api("find?q=private"))["records"] == []
        assert "70000" in text
        assert TASK in text
    async with running(environment, {"BRIDGE_ADMIN__SHOW_PAYLOADS": "true"}) as program:
        text = await value(program)
        assert "a private message" in text
        async with ConsoleClient(program) as client:
            assert (await client.api("find?q=private"))["records"]


async def test_dead_letters_are_replayed_after_a_dry_run_that_writes_nothing(
    environment: Environment,
) -> None:
    reader = {"BRIDGE_APPS__DEFAULT__MODE": "push", "BRIDGE_ADMIN__TOKEN": TOKEN}
    async with running(environment, reader) as program, ConsoleClient(program, token=TOKEN) as client:
        await program.post(b"no json")
        await program.post(b'{"EventType":"TranscodeComplete"}')
        plan = await client.replay({"reasons": ["malformed"]})
        assert plan.status == 200
        assert plan.json["summary"]["endings"] == {"rejected": 1}
        assert plan.json["summary"]["dry_run"] is True
        started = await client.replay({"dry_run": False})
        assert started.status == 202
        job = await client.ended_job(started.json["id"])
        assert job["state"] == "done", job
        assert job["result"]["summary"]["endings"] == {"rejected": 2}
        unknown = await client.get("/api/v1/jobs/none")
        assert (unknown.status, unknown.headers["Content-Type"]) == (404, "application/problem+json")
        actions = [line for line in program.log_lines() if line["event"] == "console_replay"]
        assert [line["dry_run"] for line in actions] == [True, False]


async def test_a_group_s_dead_letters_are_redriven_to_its_retry_topic_after_a_dry_run(
    environment: Environment,
) -> None:
    letters = await write_group_dead_letters(environment)
    async with (
        running(environment, {"BRIDGE_ADMIN__TOKEN": TOKEN}) as program,
        ConsoleClient(program) as reader,
        ConsoleClient(program, token=TOKEN) as client,
    ):
        (group,) = (one for one in (await reader.api("groups"))["groups"] if one["name"] == "catalogue")
        assert (group["dead_letters"], group["dead_letters_pending"]) == (3, 3)
        plan = await client.redrive("catalogue", {"reasons": ["buried"]})
        assert (plan.status, plan.json["summary"]["left"]) == (200, {"of reason failed": 3})
        plan = await client.redrive("catalogue", {})
        assert plan.json["summary"]["endings"] == {"published": 3}
        assert (
            f"{letters}.retry"
            not in (await describe_cluster({"bootstrap_servers": environment.kafka.bootstrap})).topics
        )
        assert (await reader.redrive("catalogue", {"dry_run": False}, SAME_SITE)).status == 401
        started = await client.redrive("catalogue", {"dry_run": False})
        assert (started.status, started.headers["Location"]) == (202, f"../../jobs/{started.json['id']}")
        job = await client.ended_job(started.json["id"])
        assert (job["state"], job["result"]["summary"]["endings"]) == ("done", {"published": 3}), job
        assert f"{letters}.retry" in job["result"]["summary"]["note"]
        assert len(await environment.records(f"{letters}.retry")) == 3
        assert "3 dead letters, 0 not redriven" in await reader.page("/topics")
        nobody = await client.redrive("nobody", {})
        assert "has no dead letters" in nobody.json["summary"]["stopped"]
        (refused, acted) = (
            [line for line in program.log_lines() if line["event"] == name and "groups" in line["action"]]
            for name in ("console_action_refused", "console_action")
        )
        assert (len(refused), len(acted) >= 1) == (1, True)


async def test_of_each_record_it_is_shown_how_far_each_group_is_past_it(environment: Environment) -> None:
    async with running(environment) as program, ConsoleClient(program) as client:
        await program.post(uploaded())
        await program.post(transcoded())  # of the same file: behind it on its partition
        newest, oldest = (await client.api(f"find?q={FILE_ID}"))["records"]
        assert "groups" not in newest
        await commit(environment, "catalogue", newest["partition"], newest["offset"])
        newest, oldest = (await client.api(f"find?q={FILE_ID}"))["records"]
        assert newest["groups"] == [{"group": "catalogue", "past": 0}]
        assert oldest["groups"] == [{"group": "catalogue", "past": 1}]
        page = await client.page(f"/find?q={FILE_ID}&wait=1")
        assert ("catalogue: 1 to go" in page, "catalogue: just past it" in page) == (True, True)
    found = await vod_bridge("find", FILE_ID, settings=environment.settings)
    assert found.out.splitlines()[-1] == "group catalogue: past 1 of 2 records, at most 1 to go"
    as_json = await vod_bridge("find", FILE_ID, "--json", settings=environment.settings)
    assert json.loads(as_json.out.splitlines()[0])["groups"] == newest["groups"]


async def commit(environment: Environment, group: str, partition: int, offset: int) -> None:
    """Commit an offset on the topic of events, as a consumer of the group does."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=environment.kafka.bootstrap, group_id=group, enable_auto_commit=False
    )
    async with consumer:
        consumer.assign([TopicPartition(environment.events, partition)])
        await consumer.commit({TopicPartition(environment.events, partition): offset})


async def test_texts_of_a_megabyte_are_cut_to_what_is_shown(environment: Environment) -> None:
    long = HOSTILE * 30_000
    settings = {"BRIDGE_ADMIN__SHOW_PAYLOADS": "true"}
    async with running(environment, settings) as program, ConsoleClient(program) as client:
        assert (await program.post(transcoded(long, long, message=long))).status == 200
        assert (await program.post(f"no json {long}".encode())).status == 422
        (group,) = (await client.api("dead-letters"))["groups"]
        found = {one["kind"]: one for one in (await client.api("find?q=default"))["records"]}
        for one in (found["event"], found["dead_letter"], group["records"][0]):
            path = f"events/{one['topic']}/{one['partition']}/{one['offset']}"
            details = await client.get(f"/api/v1/{path}")
            assert details.status == 200
            assert len(details.text) < 40_000
            assert details.json["omitted_bytes"] > 900_000
            assert len(await client.page(f"/{path}")) < 60_000
        assert len(await client.page("/live")) < 20_000
