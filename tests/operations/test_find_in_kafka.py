"""Find among the records of a real Kafka: each record of an id once, from all windows, batches and codecs."""

import json
import random
import time
import uuid

import pytest
from aiokafka import AIOKafkaProducer

from bridge.operations.find import FindProgress, FindRequest, FoundGroups, find_records
from bridge.operations.found_record import FoundRecord
from bridge.settings.settings import load
from tests.end_to_end.environment import Environment
from tests.rig.kafka import RealKafka
from tests.rig.redis import RealRedis

DAY_MS = 86_400_000
FILE, TASK = "7000001", "1256768367-Task-7"
RECORDS, PARTITIONS = 3_000, 4
STEP_MS = 6 * DAY_MS // (RECORDS // 2)


@pytest.fixture
async def environment(kafka: RealKafka, redis: RealRedis) -> Environment:
    made = Environment(kafka=kafka, redis=redis, name=f"find-{uuid.uuid4().hex[:8]}")
    await kafka.create_topics(made.topics, PARTITIONS)
    return made


async def write(environment: Environment, now_ms: int) -> set[str]:
    """Write records of six days, a part compressed or of a clock that is slow; give the wanted ones."""
    chance = random.Random(7)  # noqa: S311 - protects nothing
    wanted: set[str] = set()
    for codec in (None, "gzip"):
        async with AIOKafkaProducer(
            bootstrap_servers=environment.kafka.bootstrap, compression_type=codec, linger_ms=20
        ) as producer:
            for number in range(RECORDS // 2):
                age_ms = 6 * DAY_MS - number * STEP_MS + chance.choice((0, 0, 50_000))
                is_wanted = chance.random() < 0.02
                name = f"{codec}-{number}"
                event = {
                    "id": name,
                    "task_id": TASK if is_wanted else f"1256768367-Task-{number}x",
                    "file_id": FILE if is_wanted else str(8_000_000 + number),
                    "text": "x" * chance.choice((10, 3_000)),
                }
                await producer.send(
                    environment.events,
                    json.dumps(event).encode(),
                    key=event["file_id"].encode(),
                    timestamp_ms=now_ms - age_ms,
                    headers=[("ce_id", name.encode())],
                )
                wanted |= {name} if is_wanted else set()
    return wanted


@pytest.mark.parametrize("text", [FILE, TASK])
async def test_each_record_of_an_id_is_found_once_whatever_window_batch_and_codec(
    environment: Environment, text: str
) -> None:
    now_ms = time.time_ns() // 1_000_000
    wanted = await write(environment, now_ms)
    found: list[FoundRecord] = []
    progress: FindProgress | None = None
    request = FindRequest(text=text, since_ms=now_ms - 7 * DAY_MS, now_ms=now_ms)
    async for part in find_records(load(None, environment.settings), request):
        if isinstance(part, FindProgress):
            progress = part
        elif not isinstance(part, FoundGroups):
            found += part
    assert sorted(one.id for one in found) == sorted(wanted)
    assert progress is not None
    assert progress.is_whole
    assert progress.records_read == progress.records_total >= len(wanted)
    if text == TASK:
        assert (progress.records_read, progress.partitions) == (RECORDS, 3 * PARTITIONS)
