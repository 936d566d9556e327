"""Supervises work that runs as long as the process: a bug in it is logged and counted, and it is restarted.

A task that died in silence would leave a bridge that looks well and drains or sends nothing.
`tests/test_supervised_tasks.py` refuses a task that is neither supervised nor in its list of short ones.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from bridge.observability.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_PAUSE_S = 1.0
_PACKAGE_DIR = f"{Path(__file__).parents[1]}/"
# Their errors mean that a connection failed, which is no bug.
_LINK_LIBRARIES = frozenset({"aiohttp", "aiokafka", "redis"})


async def supervise(
    work: Callable[[], Awaitable[None]], telemetry: Telemetry, pause_s: float = _PAUSE_S
) -> None:
    """Run ``work``; restart it ``pause_s`` seconds after it raised. Ends when it returns or is cancelled."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("internal_error", task=getattr(work, "__qualname__", repr(work)))
            telemetry.internal_errors.inc()
            await asyncio.sleep(pause_s)
        else:
            return


def count_unhandled(loop: asyncio.AbstractEventLoop, telemetry: Telemetry) -> None:
    """Have ``loop`` log and count unhandled errors: of callbacks, and of tasks whose result nobody retrieves.

    A connection error of a transport, or of a library's own task or future, is logged but is no bug.
    """

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        # No more of the message: the arguments follow, which may be a body or hold a secret.
        what = context["message"].partition("(")[0]
        if _is_link_error(context):
            log.warning("connection_error_unhandled", problem=what, exc_info=error)
            return
        work = getattr(_coroutine_of(context), "__qualname__", "")
        log.error("internal_error", problem=what, exc_info=error, **({"work": work} if work else {}))
        telemetry.internal_errors.inc()

    loop.set_exception_handler(handle)


def _is_link_error(context: dict[str, Any]) -> bool:
    """Whether it is only a failed connection: no code of ours raised or passed it on."""
    error = context.get("exception")
    library = type(error).__module__.partition(".")[0]
    if error is not None and not isinstance(error, OSError) and library not in _LINK_LIBRARIES:
        return False
    code = getattr(_coroutine_of(context), "cr_code", None)
    if code is not None:
        return not code.co_filename.startswith(_PACKAGE_DIR)
    return error is not None and not context.keys().isdisjoint({"future", "transport"})


def _coroutine_of(context: dict[str, Any]) -> object:
    task = context.get("task") or context.get("future")
    return task.get_coro() if isinstance(task, asyncio.Task) else None
