"""What the log says at the start, before the first delivery: callback URLs, and topics that are missing."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from bridge.core.application import Application

log: structlog.stdlib.BoundLogger = structlog.get_logger()

TOPICS_NAMED = 5
_EVERY_S = 1.0


def callback_paths(applications: Iterable[Application]) -> list[str]:
    """List the paths of all callback URLs; ``***`` stands for a token."""
    return [
        f"/callbacks/{app.name}/***" if app.token else f"/callbacks/{app.name}".removesuffix("/default")
        for app in applications
        if app.mode == "push"
    ]


async def log_missing_topics(missing: Callable[[], Sequence[str] | None], every_s: float = _EVERY_S) -> None:
    """Log which topics do not exist, once for each change; ``missing`` gives None where that is not known."""
    logged: Sequence[str] = ()
    while True:
        now = missing()
        if now is not None and list(now) != list(logged):
            if now:
                log.warning(
                    "topics_missing",
                    count=len(now),
                    first=list(now[:TOPICS_NAMED]),
                    meaning="events for them wait in the spool",
                    todo="make them: `vod-bridge topics --create`",
                )
            else:
                log.warning("topics_found", meaning="all topics of this configuration exist now")
            logged = now
        await asyncio.sleep(every_s)
