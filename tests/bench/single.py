"""One request at a time, beside what it cannot do without: two round trips to Redis and one send.

As a program (``python -m tests.bench.single BOOTSTRAP REDIS_URL TIMES``) it measures these, on the core that
is named, by the libraries that the bridge uses.
"""

import asyncio
import json
import os
import secrets
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

import uvloop
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from tests.bench.comparison import ALL, Comparison, measure_all, table_of
from tests.bench.figures import Cost, median, ratio
from tests.bench.load import Load
from tests.bench.stage import Stage
from tests.bench.table import Table

TOPIC = "vod.EditMediaComplete"
VALUE_BYTES = 1_300
ROUNDS, SECONDS = (1, 3), (2, 8)


async def single(stage: Stage) -> Table:
    """Measure one request at a time beside two round trips to Redis and one raw send_and_wait."""
    comparison = Comparison(
        title="one request at a time",
        loads={"": Load(connections=1)},
        rounds=(1, 1),
        seconds=SECONDS,
    )
    costs: dict[str, list[Cost]] = {name: [] for name in ALL}
    redis_ms, send_ms = [], []
    rounds = ROUNDS[not stage.quick]
    for _ in range(rounds):
        reference = await _reference(stage)
        redis_ms.append(reference["redis_ms"])
        send_ms.append(reference["send_ms"])
        for name, each in (await measure_all(stage, comparison))[""].items():
            costs[name] += each
    table = table_of(stage, comparison, {"": costs})
    redis, send = statistics.median(redis_ms), statistics.median(send_ms)
    p50 = median(costs["bridge"]).p50_ms
    return Table(
        title=f"one request at a time; medians of {rounds} rounds of {SECONDS[not stage.quick]} s",
        rows=table.rows,
        results={
            "p50_to_needed": ratio(p50, 2 * redis + send),
            "p50_ms": round(p50, 3),
            "redis_round_trip_ms": round(redis, 3),
            "raw_send_and_wait_ms": round(send, 3),
            "not_2xx": table.results["not_2xx"],
        },
        bars={"p50_to_needed": 1.5, "not_2xx": 0},
        dreams={"p50_to_needed": 1.2},
    )


async def _reference(stage: Stage) -> dict[str, float]:
    times = 300 if stage.quick else 2_000
    arguments = [stage.kafka.bootstrap, stage.redis.url, str(times), str(stage.core)]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.single", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    found: dict[str, float] = json.loads(output)
    return found


async def _measure(bootstrap: str, redis_url: str, times: int) -> dict[str, float]:
    value = secrets.token_bytes(VALUE_BYTES)
    headers = [(f"ce_header{n}", b"x" * 24) for n in range(9)]
    redis = Redis.from_url(redis_url)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:

        async def ask(number: int) -> None:
            await redis.set(f"single:{number}", 1, nx=True, ex=60)

        async def send(number: int) -> None:
            await producer.send_and_wait(TOPIC, value, key=b"%d" % number, headers=headers)

        found = {"redis_ms": await _p50_ms(ask, times), "send_ms": await _p50_ms(send, times)}
    await redis.aclose()
    return found


async def _p50_ms(do: Callable[[int], Awaitable[None]], times: int) -> float:
    taken = []
    for number in range(times):
        begun = time.perf_counter()
        await do(number)
        taken.append(time.perf_counter() - begun)
    return 1000 * statistics.median(taken)


def main() -> None:
    """Measure and print."""
    bootstrap, redis_url, times, core = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    sys.stdout.write(json.dumps(uvloop.run(_measure(bootstrap, redis_url, int(times)))))


if __name__ == "__main__":
    main()
