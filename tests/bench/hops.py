"""Counts what one event passes, from the socket to the answer: calls of ours, files, turns of the loop.

``python -m tests.bench.hops [--list]``; needs Kafka and Redis as the tests do. The common case: a kept
connection whose head was seen before, one small conforming 3.0 body, nothing unavailable. The program runs in
this process on asyncio's own loop, because uvloop's turns cannot be counted. Of several events the one with
the fewest calls is shown: beside the others a loop that the clock drives has run (health, drain).
"""

import asyncio
import http.client
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from msgspec import Struct, field

from bridge.app import Bridge
from bridge.settings.settings import load
from tests.bench.load import ONE_TYPE
from tests.end_to_end.environment import NO_SPOOL, Environment
from tests.rig.kafka import RealKafka
from tests.rig.parts import free_port
from tests.rig.redis import RealRedis

OURS = str(Path(__file__).resolve().parents[2] / "bridge")
WARM_UP = 200
EVENTS = 7
CALLBACKS = "/callbacks/default"


class Trace(Struct):
    """Calls of ours in their order as (turn, file, function), for each event until its answer."""

    turn: int = 0
    is_on: bool = False
    calls: list[tuple[int, str, str]] = field(default_factory=list)
    events: list[list[tuple[int, str, str]]] = field(default_factory=list)

    def begin(self) -> None:
        """Trace another event."""
        self.calls = []
        self.events.append(self.calls)
        self.is_on = True

    def profile(self, frame: FrameType, event: str, _: object) -> None:
        """Note a call (``sys.setprofile`` calls this)."""
        if event != "call" or not self.is_on:
            return
        code = frame.f_code
        if code.co_filename.startswith(OURS):
            if self.calls or code.co_name == "data_received":
                self.calls.append((self.turn, code.co_filename.removeprefix(OURS), code.co_name))
        elif self.calls and code.co_name == "write" and _is_ingress(frame.f_back):
            self.is_on = False

    def count_turns(self, loop: Any) -> None:  # noqa: ANN401 - a private method of asyncio's loop
        """Count the turns of a loop of asyncio's own."""
        run_once: Callable[[], None] = loop._run_once  # noqa: SLF001 - there is no public way

        def counted() -> None:
            self.turn += 1
            run_once()

        loop._run_once = counted  # noqa: SLF001


def _is_ingress(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_code.co_filename.startswith(f"{OURS}/io/http")


def _post(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", CALLBACKS, ONE_TYPE.replace("@", uuid.uuid4().hex))
    response = connection.getresponse()
    response.read()
    if response.status != 200:
        raise RuntimeError(f"answered {response.status}")


def _drive(port: int, trace: Trace, done: Callable[[], None]) -> None:
    """Post from a thread, so that the client costs the loop nothing."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for _ in range(WARM_UP):
            _post(connection)
        for _ in range(EVENTS):
            trace.begin()
            _post(connection)
        connection.close()
    finally:
        done()


async def _traced(settings: dict[str, str], port: int) -> Trace:
    trace, loop = Trace(), asyncio.get_running_loop()
    trace.count_turns(loop)
    bridge = Bridge(load(environment=settings))
    await bridge.start()
    done = asyncio.Event()
    sys.setprofile(trace.profile)
    thread = threading.Thread(
        target=_drive, args=(port, trace, lambda: loop.call_soon_threadsafe(done.set)), daemon=True
    )
    thread.start()
    await done.wait()
    sys.setprofile(None)
    await bridge.stop()
    return trace


async def main(arguments: list[str]) -> int:
    """Trace one event and print the three numbers; ``--list``: every call too."""
    environment = Environment(kafka=RealKafka(), redis=RealRedis(), name="hops")
    try:
        environment.kafka.start()
        environment.redis.start()
        await environment.kafka.create_topics(environment.topics)
        port = free_port()
        ports = {"BRIDGE_HTTP__PORT": str(port), "BRIDGE_ADMIN__PORT": str(free_port())}
        trace = await _traced(environment.settings | NO_SPOOL | ports, port)
    finally:
        environment.redis.stop()
        environment.kafka.stop()
    calls = min(trace.events, key=len)
    if "--list" in arguments:
        for turn, file, function in calls:
            sys.stdout.write(f"{turn - calls[0][0]:3d} {file[1:]}:{function}\n")
    files = len({file for _, file, _ in calls})
    turns = len({turn for turn, _, _ in calls})
    sys.stdout.write(f"calls of ours {len(calls)} · files {files} · turns of the loop {turns}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(sys.argv[1:])))
