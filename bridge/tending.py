"""Work that goes on for as long as the program: a bug in it is told, and it begins again.

Beside `pipeline.deliver` the one place that catches whatever comes: a task that died in silence would leave
a bridge that looks well and drains nothing, or feeds nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bridge.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_PAUSE_S = 1.0


async def tended(
    work: Callable[[], Awaitable[None]], telemetry: Telemetry, pause_s: float = _PAUSE_S
) -> None:
    """Do ``work``, and again ``pause_s`` after it failed; ends when it ends well or is cancelled."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("internal", work=getattr(work, "__qualname__", repr(work)))
            telemetry.internal_errors.inc()
            await asyncio.sleep(pause_s)
        else:
            return
