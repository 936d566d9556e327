"""What stands in Kafka: valid by the published schemas, and read by CNCF's SDK as CloudEvents."""

import json
import uuid
from datetime import datetime

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import published_payloads
from tests.rig.consume import Consumed
from tests.rig.kafka import RealKafka
from tests.rig.redis import RealRedis
from tests.schemas.reading import KNOWN, schema, schema_for_event, validation_errors

UNKNOWN = b'{"EventType":"ANewType","ANewEvent":{"TaskId":"t","Foo":"\xe4\xb8\xad"}}'
NONCONFORMING = (
    b'{"EventType":"TranscodeComplete","TranscodeCompleteEvent":{"TaskId":"t","ErrCode":"no number"}}'
)


async def test_every_record_is_valid_by_its_schema_and_is_a_cloud_event(
    kafka: RealKafka, redis: RealRedis
) -> None:
    environment = Environment(kafka=kafka, redis=redis, name=f"schemas-{uuid.uuid4().hex[:8]}")
    await kafka.create_topics(environment.topics)
    redis.flush()
    bodies = [UNKNOWN, NONCONFORMING, *(case.read_bytes() for case in published_payloads())]
    async with running(environment) as program:
        for body in bodies:
            assert (await program.post(body)).status in (200, 422)

    records = await environment.records(environment.events, environment.other)
    buried = await environment.rejected()
    assert len({json.loads(record.value)["type"] for record in records}) > len(KNOWN)
    assert len(buried) >= 1
    for record in records:
        check_event(record)
    for record in buried:
        assert validation_errors("dead-letter", headers_of(record)) == []


def headers_of(record: Consumed) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}


def check_event(record: Consumed) -> None:
    event, headers = json.loads(record.value), headers_of(record)
    name = schema_for_event(event)
    assert (
        validation_errors(name, event)
        + validation_errors("event", event)
        + validation_errors("headers", headers)
        == []
    )
    assert headers["ce_dataschema"] == schema(name)["$id"]

    read = from_binary_event(KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value))
    assert read.get_specversion() == "1.0"
    assert read.get_id() == event["id"]
    assert read.get_source() == f"/vod/{event['app']}"
    assert read.get_type() == f"com.tencentcloud.vod.{event['type']}"
    assert read.get_time() == datetime.fromisoformat(event["time"])
    assert read.get_subject() == event.get("file_id", event.get("task_id"))
    assert read.get_dataschema() == schema(name)["$id"]
    assert read.get_datacontenttype() == "application/json"
    assert read.get_extension("outcome") == event["outcome"]
    assert read.get_extension("partitionkey") == (record.key or b"").decode()
    assert read.get_data() == event
