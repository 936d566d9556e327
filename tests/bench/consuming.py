"""The consumer measured: typed events of about 1 KB from a real Kafka, beside aiokafka alone.

As a program (``python -m tests.bench.consuming``) it is the process that is measured.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer

from bridge.consumer import Consumer, Event, subscribe
from tests.bench.stage import Stage
from tests.bench.table import Cell, Table
from tests.consumer.records import ConsumerEnvironment

PIECE = 20_000
LEAST_PER_S = 20_000


async def consume(stage: Stage) -> Table:
    """Measure CPU per event of both forms, each event's payload typed and looked at."""
    rounds, wanted = (1, 2 * PIECE) if stage.quick else (3, 10 * PIECE)
    ground = ConsumerEnvironment(kafka=stage.kafka, name="consuming")
    await ground.create("TranscodeComplete")
    for start in range(0, wanted, PIECE):
        await ground.publish_transcoded(range(start, start + PIECE), keys=4_000)
    rows: list[dict[str, Cell]] = []
    costs = {}
    for form in FORMS:
        found = [await _measure(stage, ground, form, wanted, turn) for turn in range(rounds)]
        cpu_us, per_s = (sorted(column)[rounds // 2] for column in zip(*found, strict=True))
        costs[f"{form}_us"] = round(cpu_us, 1)
        rows.append(
            {
                "form": form,
                "events/s": round(per_s),
                "CPU us/event": round(cpu_us, 1),
                "events/CPU s": round(1e6 / cpu_us),
            }
        )
    bar = 1e6 / LEAST_PER_S
    return Table(
        title=f"{wanted:,} TranscodeComplete events, medians of {rounds}",
        rows=rows,
        results=costs,
        bars={"loop_us": bar, "handlers_us": bar},
    )


async def _measure(
    stage: Stage, ground: ConsumerEnvironment, form: str, wanted: int, turn: int
) -> tuple[float, float]:
    options = ground.options | {"group": f"{form}-{turn}"}
    task = json.dumps({"form": form, "options": options, "events": wanted, "core": stage.core})
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.consuming", task, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await child.communicate()
    found = json.loads(said)
    return found["cpu_s"] * 1e6 / wanted, wanted / found["wall_s"]


async def _aiokafka(options: dict[str, Any], events: int) -> None:
    """Take the records and look at none: what the library costs."""
    consumer = AIOKafkaConsumer(
        options["topic"].replace("{type}", "TranscodeComplete"),
        bootstrap_servers=options["bootstrap_servers"],
        group_id=options["group"],
        auto_offset_reset="earliest",
    )
    async with consumer:
        while events > 0:
            found = await consumer.getmany(timeout_ms=500, max_records=500)
            events -= sum(map(len, found.values()))


async def _loop(options: dict[str, Any], events: int) -> None:
    async with subscribe("TranscodeComplete", **options) as given:
        async for event in given:
            events -= bool(event.payload.PlayInfoSet)
            if not events:
                break


async def _handlers(options: dict[str, Any], events: int) -> None:
    consumer = Consumer(**options, dead_letter_topic=None)

    @consumer.on("TranscodeComplete")
    async def look(event: Event[Any]) -> None:
        nonlocal events
        events -= bool(event.payload.PlayInfoSet)
        if not events:
            consumer.stop()

    await consumer.run()


FORMS: dict[str, Callable[[dict[str, Any], int], Awaitable[None]]] = {
    "aiokafka": _aiokafka,
    "loop": _loop,
    "handlers": _handlers,
}


def main() -> None:
    """Consume as told and say what it took, from the start of the consumer to its end."""
    task = json.loads(sys.argv[1])
    os.sched_setaffinity(0, {task["core"]})
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    asyncio.run(_timed(task))
    spent = {"cpu_s": time.process_time() - cpu_s, "wall_s": time.perf_counter() - wall_s}
    sys.stdout.write(json.dumps(spent))


async def _timed(task: dict[str, Any]) -> None:
    await FORMS[task["form"]](task["options"], task["events"])


if __name__ == "__main__":
    main()
