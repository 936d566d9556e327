"""Every published payload, posted to the real program: what stands in Kafka is what the examples say."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
from aiokafka.partitioner import murmur2
from msgspec import Raw

from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.record import Routing
from tests.journey.environment import Environment, running
from tests.journey.notifications import expected, published_payloads, reordered
from tests.rig.consume import Consumed
from tests.rig.kafka import RealKafka
from tests.rig.program import ProgramResponse

PARTITIONS = 4
RECURRENCE = re.compile(r"@\d{13}$")


async def test_every_published_payload_becomes_what_its_example_says_and_once(
    environment: Environment, kafka: RealKafka
) -> None:
    template = f"{environment.name}.{{type}}"
    typed = Routing(topic=template, topic_other=environment.other, topic_dead_letter=environment.dead_letters)
    topics = typed.topics(["default"])
    await kafka.create_topics(set(topics) - set(environment.topics), partitions=PARTITIONS)
    wanted: dict[str, list[Path]] = {}
    async with running(environment, {"BRIDGE_KAFKA__TOPIC": template}) as program:
        for case in published_payloads():
            told = expected(case)
            topic = topic_of(told, environment, topics)
            wanted.setdefault(topic, []).append(case)
            environment.redis.flush()  # examples of one occurrence, told by several pages, are not to meet
            body = case.read_bytes()

            first = await program.post(body)
            again = await program.post(reordered(body))

            check_answer(case, first, told, topic, "published")
            check_answer(case, again, told, topic, "duplicate")
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


def topic_of(told: dict[str, Any], environment: Environment, topics: list[str]) -> str:
    if "id" not in told:
        return environment.dead_letters
    topic = f"{environment.name}.{told['type']}"
    return topic if topic in topics else environment.other


def check_answer(case: Path, answer: ProgramResponse, told: dict[str, Any], topic: str, ending: str) -> None:
    where = f"{case.parent.name}/{case.name}"
    if "id" not in told:
        assert (answer.status, answer.json["outcome"], answer.json["reason"]) == (
            422,
            "rejected",
            told["reason"],
        ), where
        return
    given = answer.json | {"event_id": RECURRENCE.sub("", answer.json["event_id"])}
    assert (answer.status, given) == (
        200,
        {
            "outcome": ending,
            "event_id": RECURRENCE.sub("", told["id"]),
            "event_type": told["type"],
            "topic": topic,
        },
    ), where
    assert bool(RECURRENCE.search(answer.json["event_id"])) == bool(RECURRENCE.search(told["id"])), where


def check_record(case: Path, record: Consumed) -> None:
    where, told, value = f"{case.parent.name}/{case.name}", expected(case), json.loads(record.value)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value["time"])
    told |= {
        "id": RECURRENCE.sub(value["id"][-14:], told["id"]),
        "time": value["time"],
        "delivery": told["delivery"] | {"mode": "push"},
    }
    assert json.dumps(value) == json.dumps(told), where  # the order of the keys is promised as well
    if told["conformance"] == "conforming" and told["delivery"]["format"] == "v3":
        delivered = msgspec.json.decode(case.read_bytes(), type=dict[str, Raw])
        assert any(b'"payload":' + bytes(part) in record.value for part in delivered.values()), where
    subject = told.get("file_id") or told.get("task_id")
    key = subject or told["payload"].get("CastId") or "default"
    assert record.key == key.encode(), where
    assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS, where
    known = "event" if record.topic.endswith(".other") else told["type"]
    headers = {
        "ce_specversion": "1.0",
        "ce_id": told["id"],
        "ce_source": "/vod/default",
        "ce_type": f"com.tencentcloud.vod.{told['type']}",
        "ce_time": value["time"],
        "ce_subject": subject,
        "ce_dataschema": f"urn:vod-event-bridge:schemas:{known}.v1",
        "content-type": "application/json",
        "ce_outcome": told["outcome"],
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
