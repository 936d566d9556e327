"""Every published payload, posted to the real program: what Kafka holds is what the examples hold."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
from aiokafka.partitioner import murmur2
from msgspec import Raw

from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.record import Routing
from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import expected, published_payloads, reordered
from tests.rig.consume import Consumed
from tests.rig.kafka import RealKafka
from tests.rig.program import ProgramResponse

PARTITIONS = 4
RECURRENCE = re.compile(r"@\d{13}$")


async def test_every_published_payload_becomes_what_its_example_holds_and_once(
    environment: Environment, kafka: RealKafka
) -> None:
    template = f"{environment.name}.{{type}}"
    typed = Routing(topic=template, topic_other=environment.other, topic_dead_letter=environment.dead_letters)
    topics = typed.topics(["default"])
    await kafka.create_topics(set(topics) - set(environment.topics), partitions=PARTITIONS)
    wanted: dict[str, list[Path]] = {}
    async with running(environment, {"BRIDGE_KAFKA__TOPIC": template}) as program:
        for case in published_payloads():
            example = expected(case)
            topic = topic_of(example, environment, topics)
            wanted.setdefault(topic, []).append(case)
            environment.redis.flush()  # examples of one occurrence, shown by several pages, are not to meet
            body = case.read_bytes()

            first = await program.post(body)
            again = await program.post(reordered(body))

            check_answer(case, first, example, topic, "published")
            check_answer(case, again, example, topic, "duplicate")
            assert again.json.get("event_id") == first.json.get("event_id")

    rejected = wanted.pop(environment.dead_letters)
    for topic, cases in wanted.items():
        # One after the other went in, yet partitions are read one after the other.
        standing = sorted(await environment.records(topic), key=lambda record: record.header("ce_time"))
        assert len(standing) == len(cases), topic
        for case, record in zip(cases, standing, strict=True):
            check_record(case, record)
    assert [record.value for record in await environment.rejected()] == [
        body for case in rejected for body in (case.read_bytes(), reordered(case.read_bytes()))
    ]


def topic_of(example: dict[str, Any], environment: Environment, topics: list[str]) -> str:
    if "id" not in example:
        return environment.dead_letters
    topic = f"{environment.name}.{example['type']}"
    return topic if topic in topics else environment.other


def check_answer(
    case: Path, answer: ProgramResponse, example: dict[str, Any], topic: str, ending: str
) -> None:
    where = f"{case.parent.name}/{case.name}"
    if "id" not in example:
        assert (answer.status, answer.json["outcome"], answer.json["reason"]) == (
            422,
            "rejected",
            example["reason"],
        ), where
        return
    given = answer.json | {"event_id": RECURRENCE.sub("", answer.json["event_id"])}
    assert (answer.status, given) == (
        200,
        {
            "outcome": ending,
            "event_id": RECURRENCE.sub("", example["id"]),
            "event_type": example["type"],
            "topic": topic,
        },
    ), where
    assert bool(RECURRENCE.search(answer.json["event_id"])) == bool(RECURRENCE.search(example["id"])), where


def check_record(case: Path, record: Consumed) -> None:
    where, example, value = f"{case.parent.name}/{case.name}", expected(case), json.loads(record.value)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value["time"])
    example |= {
        "id": RECURRENCE.sub(value["id"][-14:], example["id"]),
        "time": value["time"],
        "delivery": example["delivery"] | {"mode": "push"},
    }
    assert json.dumps(value) == json.dumps(example), where  # the order of the keys is promised as well
    if example["conformance"] == "conforming" and example["delivery"]["format"] == "v3":
        delivered = msgspec.json.decode(case.read_bytes(), type=dict[str, Raw])
        assert any(b'"payload":' + bytes(part) in record.value for part in delivered.values()), where
    subject = example.get("file_id") or example.get("task_id")
    key = subject or example["payload"].get("CastId") or "default"
    assert record.key == key.encode(), where
    assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS, where
    known = "event" if record.topic.endswith(".other") else example["type"]
    headers = {
        "ce_specversion": "1.0",
        "ce_id": example["id"],
        "ce_source": "/vod/default",
        "ce_type": f"com.tencentcloud.vod.{example['type']}",
        "ce_time": value["time"],
        "ce_subject": subject,
        "ce_dataschema": f"urn:vod-event-bridge:schemas:{known}.v1",
        "content-type": "application/json",
        "ce_outcome": example["outcome"],
    }
    assert sorted(record.headers) == sorted(
        (name, text.encode()) for name, text in headers.items() if text is not None
    ), where


async def test_published_payloads_in_a_row_end_as_first_deliveries_revisions_and_duplicates(
    environment: Environment,
) -> None:
    cases = [case for case in published_payloads() if "id" in expected(case)]
    known: dict[str, dict[str, str]] = {}
    async with running(environment) as program:
        for case in cases:
            ending, event_id = foretold(case.read_bytes(), known)
            answer = (await program.post(case.read_bytes())).json
            assert (answer["outcome"], RECURRENCE.sub("", answer["event_id"])) == (ending, event_id), case
        standing = await environment.ids() + [
            json.loads(record.value)["id"] for record in await others(environment)
        ]
        assert sorted(RECURRENCE.sub("", one) for one in standing) == sorted(known)

        for case in cases:
            answer = (await program.post(reordered(case.read_bytes()))).json
            assert answer["outcome"] == "duplicate", case

    assert len(await environment.ids()) + len(await others(environment)) == len(known)


async def others(environment: Environment) -> list[Consumed]:
    return await environment.records(environment.other)


def foretold(body: bytes, known: dict[str, dict[str, str]]) -> tuple[str, str]:
    """Say how a delivery ends after those before it, and under which id; within 15 minutes all of them."""
    event = read_event(open_envelope(body))
    key, digest = event.identity.key, event.identity.digest
    if key in known and known[key].get(event.format, digest) != digest:
        key = f"{key}#{digest}"
    ending = "duplicate" if key in known else "published"
    known.setdefault(key, {}).setdefault(event.format, digest)
    return ending, key
