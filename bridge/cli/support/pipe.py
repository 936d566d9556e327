"""A pipe whose reader is gone: the command ends, and that is no error."""

import asyncio
import os
import select
import sys
from contextlib import suppress
from typing import Any

_PIPE_POLL_S = 0.5


async def watch_broken_pipe(task: "asyncio.Task[Any] | None") -> None:
    """End a ``tail | head`` when head has ended, not with the next event, which may take hours."""
    poller = select.poll()
    with suppress(OSError, ValueError):  # stdout has no file descriptor
        poller.register(sys.stdout.fileno(), 0)
    while task is not None:
        await asyncio.sleep(_PIPE_POLL_S)
        if any(events & select.POLLERR for _, events in poller.poll(0)):
            discard_stdout()
            task.cancel()
            return


def discard_stdout() -> None:
    """Send the rest of the buffer to /dev/null: the reader is gone, and that is no error."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
