"""The door besieged: idle connections, slow senders, large held bodies; what live traffic feels of it."""

import asyncio
import resource
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
from msgspec import Struct

from tests.bench.load import ONE_TYPE
from tests.bench.stage import Stage
from tests.bench.table import Cell, Table
from tests.rig.program import Program

IDLE, SLOW, HELD = 10_000, 500, 2_000
HELD_BYTES = 4 * 1024 * 1024
LIVE_PER_S = 200
HOLD_S = 6.0
_HEAD = b"POST /callbacks/%b HTTP/1.1\r\nHost: bridge\r\nContent-Length: %d\r\n\r\n"


class Heard(Struct):
    """What the besiegers were answered: after how many seconds, with which status (0: cut)."""

    answers: list[tuple[float, int]] = []

    def early(self) -> int:
        """Count the answers that came before the hold was over."""
        return sum(status != 0 and seconds < HOLD_S for seconds, status in self.answers)


async def siege(stage: Stage) -> Table:
    """Measure live traffic beside 10,000 idle connections, 500 slow senders, 2,000 held bodies of 4 MiB."""
    idle, slow, held = (1_000, 50, 200) if stage.quick else (IDLE, SLOW, HELD)
    _raise_descriptors(idle + slow + held + 1_000)
    await stage.kafka.create_topics(["siege.live", "siege.other"])
    settings = {
        "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": stage.kafka.bootstrap,
        "BRIDGE_REDIS__URL": stage.redis.url,
        "BRIDGE_KAFKA__TOPIC": "siege.{app}",
        "BRIDGE_KAFKA__TOPIC_OTHER": "siege.other",
        "BRIDGE_KAFKA__TOPIC_DEAD_LETTER": "siege.other",
        "BRIDGE_APPS__LIVE__MODE": "push",
        "BRIDGE_APPS__HELD__MODE": "push",  # whose topic is missing: without a spool it is held
        "BRIDGE_SPOOL__MAX_BYTES": "0",
        "BRIDGE_LOG__DELIVERIES": "none",
    }
    seconds = 6 if stage.quick else 14
    async with Program(settings, wait_for="/livez") as program:
        await _live(program, 3)
        before = await _live(program, seconds)
        quiet_mb = _peak_mb(program)
        heard, crowd = Heard(), list[asyncio.Task[None]]()
        besiegers: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (idle, lambda: _stay(program.port)),
            (slow, lambda: _dawdle(program.port)),
            (held, lambda: _press(program.port, heard)),
        ]
        for many, besiege in besiegers:
            crowd += [asyncio.ensure_future(besiege()) for _ in range(many)]
            await asyncio.sleep(0.5)
        during = await _live(program, seconds)
        peak_mb = _peak_mb(program)
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        program.kill()
    rows = [_row("before", before, quiet_mb), _row("besieged", during, peak_mb)]
    answered = [status for _, status in heard.answers if status]
    return Table(
        title=f"{idle:,} idle, {slow} slow, {held:,} held bodies of 4 MiB; {LIVE_PER_S} live events/s",
        rows=rows,
        results={
            "p99_besieged_to_before": round(_p(99, during) / _p(99, before), 2),
            "peak_mb": round(peak_mb),
            "live_not_2xx": sum(status >= 300 or not status for _, status in during),
            "answered_early": heard.early(),
            "held_answers": len(answered),
        },
        bars={"p99_besieged_to_before": 2, "peak_mb": 350, "live_not_2xx": 0, "answered_early": 0},
    )


async def _live(program: Program, seconds: float) -> list[tuple[float, int]]:
    """Post new events at an even pace; give seconds and status of each."""
    heard: list[tuple[float, int]] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post() -> None:
            body, begun = ONE_TYPE.replace("@", uuid.uuid4().hex), time.perf_counter()
            status = 0
            with suppress(aiohttp.ClientError):
                async with session.post(f"{program.url}/callbacks/live", data=body) as answer:
                    status = answer.status
            heard.append((time.perf_counter() - begun, status))

        loop = asyncio.get_running_loop()
        posts, started = [], loop.time()
        for n in range(int(seconds * LIVE_PER_S)):
            await asyncio.sleep(max(0, started + n / LIVE_PER_S - loop.time()))
            posts.append(asyncio.ensure_future(post()))
        await asyncio.gather(*posts)
    return heard


async def _stay(port: int) -> None:
    """Connect and say nothing."""
    with suppress(OSError):
        await asyncio.open_connection("127.0.0.1", port)
        await asyncio.Event().wait()


async def _dawdle(port: int) -> None:
    """Send a body a byte a second; begin again when cut off."""
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(_HEAD % (b"live", 1_000))
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(1)
        await asyncio.sleep(1)


async def _press(port: int, heard: Heard) -> None:
    """Send a large notification of the application that is held, and wait for what is said to it."""
    text = ONE_TYPE.replace("@", uuid.uuid4().hex)
    body = text.replace('"bench"', f'"{"x" * (HELD_BYTES - len(text))}"').encode()
    begun, status = time.monotonic(), 0
    with suppress(OSError, ValueError, IndexError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_HEAD % (b"held", len(body)))
        for at in range(0, len(body), 64 * 1024):
            writer.write(body[at : at + 64 * 1024])
            await writer.drain()
        status = int((await reader.readline()).split()[1])
        writer.close()
    heard.answers.append((time.monotonic() - begun, status))


def _row(name: str, live: list[tuple[float, int]], peak_mb: float) -> dict[str, Cell]:
    return {
        "": name,
        "live events": len(live),
        "p50 ms": round(_p(50, live), 1),
        "p99 ms": round(_p(99, live), 1),
        "max ms": round(1000 * max(seconds for seconds, _ in live), 1),
        "peak RSS MB": round(peak_mb),
    }


def _p(percent: int, live: list[tuple[float, int]]) -> float:
    """Give a percentile in milliseconds."""
    return 1000 * statistics.quantiles([seconds for seconds, _ in live], n=100)[percent - 1]


def _peak_mb(program: Program) -> float:
    status = Path(f"/proc/{program.process.pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def _raise_descriptors(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
