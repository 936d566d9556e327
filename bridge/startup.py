"""The start of a process, and what its log and /readyz report before the first delivery."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from bridge import __version__
from bridge.core.application import Application
from bridge.malloc import tune_malloc
from bridge.observability.logging import configure_logging
from bridge.observability.masking import header_secrets, mask_for
from bridge.process import disable_core_dumps, share_interpreter, tune_gc
from bridge.settings.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

TOPICS_LISTED_MAX = 5
_CHECK_INTERVAL_S = 1.0


def prepare_process(settings: Settings, *, worker: int = 0) -> None:
    """Configure logging, garbage collector, malloc and core files; ``worker`` is its number, if it is one."""
    configure_logging(
        settings.log.level,
        settings.log.format,
        mask=mask_for(settings, *header_secrets(os.environ)).mask_nested,
        worker=worker,
    )
    tune_gc()
    tune_malloc()
    share_interpreter()
    disable_core_dumps()


def log_weaknesses(settings: Settings) -> None:
    """Log the settings that are valid but weak."""
    for weakness in settings.weaknesses():
        log.warning("settings_warning", problem=weakness.message, remedy=weakness.remedy)


def log_listening(settings: Settings, http_port: int, admin_port: int, workers: int = 1) -> None:
    """Log where it listens, and the callback URLs; ``workers`` where there are several."""
    http = settings.http
    log.info(
        "listening",
        version=__version__,
        url=f"{'https' if http.tls_certfile else 'http'}://{http.host or '*'}:{http_port}/callbacks",
        http_port=http_port,
        admin_port=admin_port,
        callbacks=callback_paths(settings.applications().values()),
        **({"workers": workers} if workers > 1 else {}),
    )


def log_stopping(accepting_s: float) -> None:
    """Log that it stops; for ``accepting_s`` it accepts still."""
    log.info("stopping", accepting_for_s=accepting_s, remedy="nothing; a second signal ends it at once")


def log_hangup_ignored() -> None:
    """Log that SIGHUP does nothing: one process alone replaces no workers."""
    log.warning(
        "sighup_ignored",
        note="SIGHUP is only for several workers, it replaces them one after the other; this is one process",
        remedy="restart it to have the files of settings read again; SIGTERM ends it",
    )


def callback_paths(applications: Iterable[Application]) -> list[str]:
    """List the paths of all callback URLs; ``***`` stands for a token."""
    return [app.callback_path for app in applications if app.callback_path]


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
