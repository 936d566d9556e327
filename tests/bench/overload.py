"""The door besieged: idle connections, slow senders, large held bodies; what live traffic feels of it."""

import asyncio
import json
import statistics
import sys
import time
import uuid
from contextlib import suppress

import aiohttp

from tests.bench.accounts import peak_bytes, pin
from tests.bench.load import ONE_TYPE
from tests.bench.stage import Stage
from tests.bench.table import Cell, Table
from tests.rig.parts import ROOT
from tests.rig.program import Program

FULL_LOAD = (10_000, 500, 2_000)
QUICK_LOAD = (1_000, 50, 200)
LIVE_PER_S = 200
HOLD_S = 6.0

LiveResponses = list[tuple[float, int]]


async def overload(stage: Stage) -> Table:
    """Measure live traffic beside 10,000 idle connections, 500 slow senders, 2,000 held bodies of 4 MiB."""
    idle, slow, held = QUICK_LOAD if stage.quick else FULL_LOAD
    seconds = 6 if stage.quick else 14
    async with Program(await _settings(stage), wait_for="/livez") as program:
        pin(program.process.pid, stage.core)
        await _live(program, 3)
        before, quiet_mb = await _live(program, seconds), _peak_mb(program)
        numbers = (program.port, idle, slow, held, seconds + 2)
        client = await asyncio.create_subprocess_exec(
            *("nice", "-n", "19", sys.executable),  # else live clients wait for a core, not for the bridge
            *("-m", "tests.bench.overload_client", *map(str, numbers)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        await asyncio.sleep(3)  # by then they stand there, and the large bodies have begun to come
        during, peak_mb = await _live(program, seconds), _peak_mb(program)
        answers: LiveResponses = [tuple(pair) for pair in json.loads((await client.communicate())[0])]
        program.kill()
    return Table(
        title=f"{idle:,} idle, {slow} slow, {held:,} held bodies of 4 MiB; {LIVE_PER_S} live events/s",
        rows=[_row("before", before, quiet_mb), _row("besieged", during, peak_mb)],
        results={
            "p99_besieged_to_before": round(_p(99, during) / _p(99, before), 2),
            "peak_mb": round(peak_mb),
            "live_not_2xx": sum(status >= 300 or not status for _, status in during),
            "answered_early": sum(status != 0 and seconds < HOLD_S for seconds, status in answers),
            "held_answers": sum(status != 0 for _, status in answers),
        },
        bars={"p99_besieged_to_before": 2, "peak_mb": 350, "live_not_2xx": 0, "answered_early": 0},
    )


async def _settings(stage: Stage) -> dict[str, str]:
    """Two applications: the topic of one is missing, so that without a spool its deliveries are held."""
    await stage.kafka.create_topics(["siege.live", "siege.other"])
    return {
        "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": stage.kafka.bootstrap,
        "BRIDGE_REDIS__URL": stage.redis.url,
        "BRIDGE_KAFKA__TOPIC": "siege.{app}",
        "BRIDGE_KAFKA__TOPIC_OTHER": "siege.other",
        "BRIDGE_KAFKA__TOPIC_DEAD_LETTER": "siege.other",
        "BRIDGE_APPS__LIVE__MODE": "push",
        "BRIDGE_APPS__HELD__MODE": "push",
        "BRIDGE_SPOOL__MAX_BYTES": "0",
        "BRIDGE_LOG__DELIVERIES": "none",
    }


async def _live(program: Program, seconds: float) -> LiveResponses:
    """Post new events at an even pace; give seconds and status of each."""
    responses: LiveResponses = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post() -> None:
            body, started_at = ONE_TYPE.replace("@", uuid.uuid4().hex), time.perf_counter()
            status = 0
            with suppress(aiohttp.ClientError):
                async with session.post(f"{program.url}/callbacks/live", data=body) as answer:
                    status = answer.status
            responses.append((time.perf_counter() - started_at, status))

        loop = asyncio.get_running_loop()
        posts, started = [], loop.time()
        for n in range(int(seconds * LIVE_PER_S)):
            await asyncio.sleep(max(0, started + n / LIVE_PER_S - loop.time()))
            posts.append(asyncio.ensure_future(post()))
        await asyncio.gather(*posts)
    return responses


def _row(name: str, live: LiveResponses, peak_mb: float) -> dict[str, Cell]:
    return {
        "": name,
        "live events": len(live),
        "p50 ms": round(_p(50, live), 1),
        "p99 ms": round(_p(99, live), 1),
        "max ms": round(1000 * max(seconds for seconds, _ in live), 1),
        "peak RSS MB": round(peak_mb),
    }


def _p(percent: int, live: LiveResponses) -> float:
    """Give a percentile in milliseconds."""
    return 1000 * statistics.quantiles([seconds for seconds, _ in live], n=100)[percent - 1]


def _peak_mb(program: Program) -> float:
    return peak_bytes(program.process.pid) / 1e6
