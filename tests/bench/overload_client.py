"""Many bad clients, as a process: ``tests.bench.overload_client PORT IDLE SLOW HELD SECONDS [PATH]``.

Idle connections, slow senders, and large bodies of the application ``held``, or all to one ``PATH``; at the
end it prints the answers to the last, as JSON: pairs of seconds and status (0: no answer).
"""

import asyncio
import json
import resource
import sys
import time
import uuid
from contextlib import suppress

from tests.bench.load import ONE_TYPE

BODY_BYTES = 4 * 1024 * 1024
PIECE = 64 * 1024
_HEAD = b"POST %b HTTP/1.1\r\nHost: bridge\r\nContent-Length: %d\r\n\r\n"

Responses = list[tuple[float, int]]


async def run_overload(numbers: tuple[int, ...], live_path: bytes, held_path: bytes) -> Responses:
    """Keep all of them up for so long; return the answers to the held bodies."""
    port, idle, slow, held, seconds = numbers
    responses: Responses = []
    tasks = [asyncio.ensure_future(hold_idle(port)) for _ in range(idle)]
    tasks += [asyncio.ensure_future(send_slowly(port, live_path)) for _ in range(slow)]
    await asyncio.sleep(2)
    tasks += [asyncio.ensure_future(send_large(port, held_path, responses)) for _ in range(held)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return responses


async def hold_idle(port: int) -> None:
    """Connect and send nothing."""
    with suppress(OSError):
        connection = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.Event().wait()
        connection[1].close()


async def send_slowly(port: int, path: bytes) -> None:
    """Send a body a byte a second; begin again when cut off."""
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(_HEAD % (path, 1_000))
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(1)
        await asyncio.sleep(1)


async def send_large(port: int, path: bytes, responses: Responses) -> None:
    """Send one large notification and wait for its answer."""
    started_at, status = time.monotonic(), 0
    with suppress(OSError, ValueError, IndexError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        first, last = ONE_TYPE.replace("@", uuid.uuid4().hex).encode().split(b"bench")
        padding_bytes = BODY_BYTES - len(first) - len(last)
        writer.write(_HEAD % (path, BODY_BYTES) + first)
        for at in range(0, padding_bytes, PIECE):
            writer.write(_PADDING[: min(PIECE, padding_bytes - at)])
            await writer.drain()
        writer.write(last)
        status = int((await reader.readline()).split()[1])
        writer.close()
    responses.append((time.monotonic() - started_at, status))


_PADDING = memoryview(b"x" * PIECE)


def main() -> None:
    """Run all clients and print the answers."""
    numbers = tuple(map(int, sys.argv[1:6]))
    live_path, held_path = [path.encode() for path in sys.argv[6:]] * 2 or [
        b"/callbacks/live",
        b"/callbacks/held",
    ]
    wanted = sum(numbers[1:4]) + 100
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    sys.stdout.write(json.dumps(asyncio.run(run_overload(numbers, live_path, held_path))) + "\n")


if __name__ == "__main__":
    main()
