"""Whatever is sent: a clear answer, bounded memory, no 5xx, no traceback."""

import asyncio
import gzip
import random
import time
from pathlib import Path

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited, edited_id, new_task, published_payloads
from tests.end_to_end.senders import SLOW_BREAKER_SETTINGS, send
from tests.rig.program import Program
from tests.rig.waiting import WITHIN_S

MIB = 1024 * 1024
MEMORY_MAX = 150 * MIB
BODIES_MAX = 128 * MIB
READ_TIMEOUT_S = 8.0
HEAD = b"POST /callbacks HTTP/1.1\r\nHost: bridge\r\n"


def peak_memory(program: Program) -> int:
    """Give the most resident memory it ever had (Linux)."""
    status = Path(f"/proc/{program.process.pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


async def test_bodies_too_large_bombs_and_depths_are_refused_within_150_mb(environment: Environment) -> None:
    bomb = gzip.compress(b"[" * 200 * MIB, compresslevel=1)
    deep = b'{"EventType":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    gzipped = {"Content-Encoding": "gzip"}
    good, cut_short = new_task(), gzip.compress(edited(new_task()))[:-9]
    async with running(environment) as program:
        large = await program.post(b"x" * (4 * MIB + 1))
        largest = await program.post(b"x" * (4 * MIB))
        bombs = await asyncio.gather(*(program.post(bomb, headers=gzipped) for _ in range(8)))
        depths = await asyncio.gather(*(program.post(deep) for _ in range(8)))
        packed = await program.post(gzip.compress(edited(good)), headers=gzipped)
        broken = await program.post(cut_short, headers=gzipped)
        unknown = await program.post(edited(new_task()), headers={"Content-Encoding": "br"})
        assert peak_memory(program) < MEMORY_MAX

    assert (large.status, largest.status) == (413, 422)
    assert [answer.status for answer in bombs] == [413] * 8
    assert [(answer.status, answer.json["reason"]) for answer in depths] == [(422, "malformed")] * 8
    assert (packed.status, packed.json["event_id"]) == (200, edited_id(good))
    assert (broken.status, broken.json["reason"]) == (422, "malformed")
    assert unknown.status == 200  # its body is read as it is
    dead_letters = sorted(record.value for record in await environment.rejected())
    assert dead_letters == sorted([b"x" * (4 * MIB), *[deep] * 8, cut_short])


async def test_more_large_bodies_at_once_than_the_budget_holds_wait_and_are_published(
    environment: Environment,
) -> None:
    tasks = [new_task() for _ in range(50)]  # 150 MiB; more would starve their one sender on a busy machine
    bodies = [edited(task, url="x" * (3 * MIB)) for task in tasks]
    async with running(
        environment, SLOW_BREAKER_SETTINGS | {"BRIDGE_HTTP__READ_TIMEOUT_S": "120"}
    ) as program:
        answers = await asyncio.gather(*(program.post(body) for body in bodies))
        peak = peak_memory(program)

    assert {answer.status for answer in answers} == {200}
    # On its way up to four copies of a body exist: as received, a record, in a batch, in a buffer.
    assert peak < 4 * BODIES_MAX
    assert await environment.ids() == sorted(map(edited_id, tasks))


async def trickle(program: Program, pieces: list[bytes]) -> tuple[bytes, float, float]:
    """Send the beginning of a request and then nothing; give the response, how long that took, and when."""
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    started_at = time.monotonic()
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    try:
        received = await asyncio.wait_for(reader.read(), WITHIN_S)
    except ConnectionResetError:
        received = b""
    writer.close()
    ended = time.monotonic()
    return received, ended - started_at, ended


async def test_slow_headers_and_slow_bodies_are_cut_while_others_are_served(environment: Environment) -> None:
    slow_header = [HEAD, b"X-Slow: "]
    slow_body = [HEAD + b"Content-Length: 1000\r\n\r\n", b'{"EventType":']
    slow_chunks = [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\n12345\r\n"]
    async with running(environment, {"BRIDGE_HTTP__READ_TIMEOUT_S": str(READ_TIMEOUT_S)}) as program:
        slow = [
            asyncio.create_task(trickle(program, pieces))
            for pieces in (slow_header, slow_body, slow_chunks) * 20
        ]
        served = await send(program, new_task())
        cut = await asyncio.gather(*slow)
        peak = peak_memory(program)

    assert served.outcome == "published"
    assert served.ended_at < min(ended for _, _, ended in cut)
    for received, seconds, _ in cut:
        assert not received.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))
        assert READ_TIMEOUT_S <= seconds < READ_TIMEOUT_S + 10
    assert peak < MEMORY_MAX
    assert await environment.ids() == [edited_id(served.task)]
    assert await environment.rejected() == []


async def test_random_bytes_and_damaged_notifications_are_events_or_rejected(
    environment: Environment,
) -> None:
    chance = random.Random(20_260_101)  # noqa: S311 - the same bytes in every run
    samples = [case.read_bytes() for case in published_payloads()]
    noise = [chance.randbytes(chance.randrange(200)) for _ in range(200)]
    damaged = [corrupt(chance.choice(samples), chance) for _ in range(300)]
    async with running(environment) as program:
        answers = [await program.post(body) for body in noise + damaged]
        assert await program.metric("vod_bridge_internal_errors_total") == 0

    assert {answer.status for answer in answers} == {200, 422}
    rejected = sum(answer.status == 422 for answer in answers)
    assert rejected > len(noise)
    assert len(await environment.rejected()) == rejected


def corrupt(body: bytes, chance: random.Random) -> bytes:
    """Change, drop or repeat a few bytes of a notification."""
    corrupted = bytearray(body)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(corrupted))
        what = chance.randrange(3)
        if what == 0:
            corrupted[at] = chance.randrange(256)
        elif what == 1:
            del corrupted[at : at + chance.randrange(1, 8)]
        else:
            corrupted[at:at] = corrupted[at : at + chance.randrange(1, 40)]
    return bytes(corrupted)


async def test_what_is_no_http_at_all_gets_a_400_or_is_cut(environment: Environment) -> None:
    chance = random.Random(20_260_102)  # noqa: S311 - the same bytes in every run
    rubbish = [chance.randbytes(400) for _ in range(50)]
    rubbish += [b"POST /callbacks HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
    async with running(environment, {"BRIDGE_HTTP__READ_TIMEOUT_S": str(READ_TIMEOUT_S)}) as program:
        received = await asyncio.gather(*(trickle(program, [bytes_]) for bytes_ in rubbish))
        assert (await send(program, new_task())).outcome == "published"

    assert {answer[:12] for answer, _, _ in received} <= {b"", b"HTTP/1.1 400", b"HTTP/1.1 431"}
