"""Publishes missing tasks' events: through the usual pipeline, without a spool, delivery mode audit."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from msgspec.structs import replace

from bridge.cli.audit.vendor import FinishedTasks
from bridge.core.application import Application
from bridge.core.backfill import notification_from_task
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome
from bridge.delivery.pipeline import Pipeline
from bridge.io.vod.errors import ApiError
from bridge.operations.pipeline_session import open_session
from bridge.settings.settings import Settings
from bridge.wiring import now_ms

CANNOT_REBUILD = "cannot be rebuilt"
# The vendor's codes for a task that it no longer knows; any other error would meet the next task, too.
_UNKNOWN_TASK_CODES = ("InvalidParameterValue", "ResourceNotFound")


class BackfillDeferredError(Exception):
    """Neither Kafka nor a spool accepts events: the next one would only wait as long."""


@asynccontextmanager
async def open_pipeline(settings: Settings) -> AsyncIterator[Pipeline]:
    """Build and start the pipeline; stop it at the end."""
    fail_open = settings.dedup.when_unavailable == "publish"
    async with open_session(settings, fail_open=fail_open, write_dead_letters=True) as session:
        try:
            yield session.pipeline
        except BackfillDeferredError as error:
            raise BackfillDeferredError(session.missing_topics_hint or str(error)) from None


async def backfill_all(
    missing: Iterable[str],
    tasks: FinishedTasks,
    application: Application,
    pipeline: Pipeline,
    on_result: Callable[[str, str], None],
) -> None:
    """Publish the event of each task and call ``on_result`` with its id and outcome.

    Raises `BackfillDeferredError` at the first event that is deferred.
    """
    # The response to our own API call has no signature, and needs none.
    application = replace(application, sign_keys=())
    for task_id in missing:
        body = await _fetch_notification(task_id, tasks)
        if body is None:
            on_result(task_id, CANNOT_REBUILD)
            continue
        notification = Notification(
            application=application,
            body=body,
            received_ms=now_ms(),
            mode="audit",
            content_type="application/json",
        )
        result = await pipeline.deliver(notification)
        if result.outcome is DeliveryOutcome.DEFERRED:
            raise BackfillDeferredError(result.detail)
        on_result(task_id, str(result.outcome))


async def _fetch_notification(task_id: str, tasks: FinishedTasks) -> bytes | None:
    try:
        return notification_from_task(await tasks.fetch_detail(task_id), task_id)
    except ApiError as api_error:
        if api_error.code.startswith(_UNKNOWN_TASK_CODES):
            return None
        raise
