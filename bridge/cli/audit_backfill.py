"""The journey that a missing task's event takes: the usual one, but for a spool; in delivery mode audit."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from msgspec.structs import replace

from bridge.cli.audit_vendor import Tasks
from bridge.cli.journeys import parts
from bridge.core.application import Application
from bridge.core.backfill import notification_from_task
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome
from bridge.delivery.pipeline import Pipeline
from bridge.io.vod.api import ApiError
from bridge.settings.settings import Settings
from bridge.wiring import now_ms

NOT_REBUILT = "cannot be rebuilt"
# What the vendor says where it knows this task no longer; anything else would be said of the next one, too.
_FORGOTTEN = ("InvalidParameterValue", "ResourceNotFound")


class Deferred(Exception):  # noqa: N818 - it says what happened, not that something broke
    """Nothing durable takes events: the next one would have to wait as long, for nothing."""


@asynccontextmanager
async def journeys(settings: Settings) -> AsyncIterator[Pipeline]:
    """Build and start what takes events to Kafka, and stop it at the end."""
    unchecked = settings.dedup.when_unavailable == "publish"
    async with parts(settings, unchecked=unchecked, bury=True) as bridge:
        try:
            yield bridge.delivery.pipeline
        except Deferred as deferred:
            raise Deferred(bridge.missing or str(deferred)) from None


async def bring_in(
    missing: Iterable[str],
    tasks: Tasks,
    application: Application,
    pipeline: Pipeline,
    told: Callable[[str, str], None],
) -> None:
    """Bring in the event of each; ``told`` hears how each ended. Raises `Deferred` where it must stop."""
    # The vendor's answer to our own question needs no signature, and has none.
    application = replace(application, sign_keys=())
    for task_id in missing:
        body = await _rebuilt(task_id, tasks)
        if body is None:
            told(task_id, NOT_REBUILT)
            continue
        notification = Notification(
            application=application,
            body=body,
            received_ms=now_ms(),
            mode="audit",
            content_type="application/json",
        )
        outcome = await pipeline.deliver(notification)
        if outcome.outcome is DeliveryOutcome.DEFERRED:
            raise Deferred(outcome.detail)
        told(task_id, str(outcome.outcome))


async def _rebuilt(task_id: str, tasks: Tasks) -> bytes | None:
    try:
        return notification_from_task(await tasks.detail(task_id), task_id)
    except ApiError as refusal:
        if refusal.code.startswith(_FORGOTTEN):
            return None
        raise
