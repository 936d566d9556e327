"""Finds among a million records in 39 topics of 4 partitions: ``python -m tests.bench.finding [RECORDS]``.

Needs Kafka as the tests do, and some minutes. The records are spread over the six days before now. The bars:
by file id the first result within 1 s and all within 6 s; by any other id all within 15 s.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator

from aiokafka import AIOKafkaProducer

from bridge.core.catalogue import EVENT_TYPES
from bridge.operations.find import FindProgress, FindRequest, FoundGroups, find_records
from bridge.settings.settings import Settings, load
from tests.rig.kafka import RealKafka

RECORDS = 1_000_000
NAMES = [row.name for row in EVENT_TYPES]
SPREAD_MS = 6 * 86_400_000
LOOK_BACK_MS = 7 * 86_400_000


def file_of(number: int) -> str:
    """Give the file id of a record: each has one record of every type."""
    return str(10_000_000 + number // len(NAMES))


def task_of(number: int) -> str:
    """Give the task id of a record."""
    return f"1256768367-Task-{number}"


def event_of(number: int) -> str:
    """Give the event id of a record."""
    return f"{NAMES[number % len(NAMES)]}:{task_of(number)}"


def value_of(number: int) -> bytes:
    """Write a canonical event of about 0.7 KB."""
    file, task = file_of(number), task_of(number)
    event = {
        "id": event_of(number),
        "type": NAMES[number % len(NAMES)],
        "app": "default",
        "time": "2026-11-28T10:00:00.000Z",
        "task_id": task,
        "file_id": file,
        "outcome": "succeeded",
        "delivery": {"format": "v3", "mode": "push", "deduplicated": True},
        "conformance": "conforming",
        "payload": {"TaskId": task, "FileId": file, "Text": "x" * 400},
    }
    return json.dumps(event, separators=(",", ":")).encode()


async def fill(kafka: RealKafka, settings: Settings, records: int) -> None:
    """Make the topics, and write the records, the newest last."""
    await kafka.create_topics(settings.routing().topics(["default"]), 4)
    newest_ms = time.time_ns() // 1_000_000
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, linger_ms=20) as producer:
        for number in range(records):
            name = NAMES[number % len(NAMES)]
            await producer.send(
                f"vod.{name}",
                value_of(number),
                key=file_of(number).encode(),
                timestamp_ms=newest_ms - (records - number) * SPREAD_MS // records,
                headers=[("ce_id", event_of(number).encode())],
            )


def questions(records: int) -> Iterator[tuple[str, str]]:
    """Give what is looked for, each with a name."""
    yield "file, of the newest", file_of(records - len(NAMES) - 1)
    yield "file, three days old", file_of(records // 2)
    yield "task, three days old", task_of(records // 2)
    yield "event, three days old", event_of(records // 2)


async def ask(settings: Settings, name: str, text: str) -> None:
    """Find it, and print how long that took."""
    now_ms = time.time_ns() // 1_000_000
    began, cpu_s = time.monotonic(), time.process_time()
    first_s, found, read = float("nan"), 0, 0
    async for part in find_records(
        settings, FindRequest(text=text, since_ms=now_ms - LOOK_BACK_MS, now_ms=now_ms)
    ):
        if isinstance(part, FindProgress):
            read = part.records_read
        elif not isinstance(part, FoundGroups):
            first_s = first_s if found else time.monotonic() - began
            found += len(part)
    whole_s, cpu_s = time.monotonic() - began, time.process_time() - cpu_s
    times = f"first {first_s:.2f} s, whole {whole_s:.2f} s, CPU {cpu_s:.2f} s; load {os.getloadavg()[0]:.1f}"
    sys.stdout.write(f"{name}: {found} found among {read:,}; {times}\n")


async def main(records: int) -> None:
    """Fill a broker, and ask."""
    kafka = RealKafka()
    kafka.start()
    try:
        settings = load(None, {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap})
        await fill(kafka, settings, records)
        for name, text in questions(records):
            await ask(settings, name, text)
    finally:
        kafka.remove()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else RECORDS))
