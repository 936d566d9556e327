"""A service downstream, as a process: writes down every transcoding it was given, in either form.

Configured by one JSON object: ``form`` (loop or handlers), ``options``, ``seen`` (the file to write),
``hold`` (the number of events of which the last one waits in the middle until the file ``go`` exists, and may
be killed there; from `MORE_AT_MOST` events later on each one waits as well, so that it never reads all of
them). SIGTERM stops it. Only the standard library and `bridge.consumer`.
"""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from bridge.consumer import Consumer, Event, subscribe

MORE_AT_MOST = 300  # of other keys, while one event is held


class RecordingService:
    """What it does with an event."""

    def __init__(self, task: dict[str, Any]) -> None:
        self._file = os.open(task["seen"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._release_file = Path(task["go"])
        self._hold_at_count = task.get("hold", 0)
        self._count = 0

    async def record_event(self, event: Event[Any]) -> None:
        """Write down an event; one that is held waits for its time, having been written."""
        self._count += 1
        os.write(self._file, f"{time.monotonic_ns()} {event.key} {event.payload.TaskId}\n".encode())
        behind = self._count - self._hold_at_count
        if self._hold_at_count and (behind == 0 or behind >= MORE_AT_MOST):
            while not self._release_file.exists():  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(0.02)


async def main(task: dict[str, Any]) -> None:
    """Read until a signal stops it."""
    service = RecordingService(task)
    if task["form"] == "loop":
        async with subscribe("TranscodeComplete", stop_on=[signal.SIGTERM], **task["options"]) as events:
            async for event in events:
                await service.record_event(event)
        return
    # Few in flight: so that few events are read beyond those that are held.
    consumer = Consumer(dead_letter_topic=None, in_flight_max=40, **task["options"])
    consumer.on("TranscodeComplete")(service.record_event)
    await consumer.run()


asyncio.run(main(json.loads(sys.argv[1])))
