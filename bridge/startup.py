"""What the log and /readyz report before the first delivery: callback URLs, missing topics, deduplication."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from bridge.core.application import Application

log: structlog.stdlib.BoundLogger = structlog.get_logger()

TOPICS_LISTED_MAX = 5
_CHECK_INTERVAL_S = 1.0


def callback_paths(applications: Iterable[Application]) -> list[str]:
    """List the paths of all callback URLs; ``***`` stands for a token."""
    return [
        f"/callbacks/{app.name}/***" if app.token else f"/callbacks/{app.name}".removesuffix("/default")
        for app in applications
        if app.mode == "push"
    ]


def describe_dedup_unavailable(reasons: Mapping[str, str], *, is_unchecked: bool) -> list[str]:
    """Describe for which applications Redis is unavailable; ``reasons`` maps their names to the reason."""
    consequence = "events are published unchecked" if is_unchecked else "events are held"
    apps_by_reason: dict[str, list[str]] = {}
    for app, reason in reasons.items():
        apps_by_reason.setdefault(reason, []).append(app)
    return [
        f"redis: unavailable for {', '.join(apps)} ({reason}), {consequence}"
        for reason, apps in apps_by_reason.items()
    ]


async def log_missing_topics(
    missing: Callable[[], Sequence[str] | None], interval_s: float = _CHECK_INTERVAL_S
) -> None:
    """Log which topics do not exist, once for each change; ``missing`` gives None where that is not known."""
    logged: Sequence[str] = ()
    while True:
        now = missing()
        if now is not None and list(now) != list(logged):
            if now:
                log.warning(
                    "topics_missing",
                    count=len(now),
                    first=list(now[:TOPICS_LISTED_MAX]),
                    note="events for them wait in the spool",
                    remedy="make them: `vod-bridge topics --create`",
                )
            else:
                log.warning("topics_available", note="all topics of this configuration exist now")
            logged = now
        await asyncio.sleep(interval_s)
