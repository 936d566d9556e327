"""A slow route to Kafka, as a process: ``python -m tests.bench.proxying TARGET_PORT PORT DELAY_S``."""

import asyncio
import socket
import statistics
import struct
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.bench.stage import Stage
from tests.rig.parts import Process
from tests.rig.proxy import Proxy
from tests.rig.waiting import eventually

_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
REQUESTS = 50


@asynccontextmanager
async def slow_route(stage: Stage, delay_s: float) -> AsyncIterator[float]:
    """Open the route behind ``stage.kafka.proxied``, each direction delayed; gives its round trip in ms."""
    target = stage.kafka._behind  # noqa: SLF001 - the rig's proxy lives in our process, this one must not
    front = stage.kafka.proxied.rpartition(":")[2]
    arguments = [str(target), front, str(delay_s)]
    process = Process([sys.executable, "-m", "tests.bench.proxying", *arguments], stage.folder / "proxy.log")
    try:
        await eventually(lambda: _opens(int(front)), "the slow route is open")
        yield await asyncio.to_thread(median_response_ms, int(front))
    finally:
        process.kill()


def median_response_ms(port: int) -> float:
    """Request a broker's versions many times and give the median time of a response."""
    taken = []
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        connection.makefile("rb") as answer,
    ):
        for _ in range(REQUESTS):
            begun = time.perf_counter()
            connection.sendall(_API_VERSIONS)
            answer.read(int.from_bytes(answer.read(4), "big"))
            taken.append(time.perf_counter() - begun)
    return 1000 * statistics.median(taken)


def _opens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def main() -> None:
    """Forward with the delay until killed."""
    target, port, delay_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    with Proxy(target_port=target, port=port) as proxy:
        proxy.delay(delay_s)
        threading.Event().wait()


if __name__ == "__main__":
    main()
