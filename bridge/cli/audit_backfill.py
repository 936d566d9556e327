"""The journey that a missing task's event takes: the usual one, but for a spool; in delivery mode audit."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from msgspec.structs import replace

from bridge.build import build_memory, build_writer, holding_rule, now_ms, routing_of
from bridge.cli.audit_vendor import Tasks
from bridge.core.application import Application
from bridge.core.backfill import rebuilt
from bridge.core.event import Notification, Record
from bridge.core.outcome import Ending, Unavailable
from bridge.io.vod_api import Refused
from bridge.keeping import Keeper, Kept
from bridge.pipeline import Pipeline
from bridge.settings import Settings
from bridge.telemetry import Telemetry

NOT_REBUILT = "cannot be rebuilt"
_PATIENCE_S = 10.0
_STOP_S = 2.0
# What the vendor says where it knows this task no longer; anything else would be said of the next one, too.
_FORGOTTEN = ("InvalidParameterValue", "ResourceNotFound")


class Deferred(Exception):  # noqa: N818 - it says what happened, not that something broke
    """Nothing durable takes events: the next one would have to wait as long, for nothing."""


class _NoSpool:
    """Keeps nothing: whoever typed the command is told what Kafka did not take, and can type it again."""

    def takes(self, size: int) -> bool:  # noqa: ARG002 - whatever its size
        return False

    def holds(self, record: Record) -> bool:  # noqa: ARG002 - whatever it is
        return False

    def put(self, record: Record, *, pending: bool = False) -> Kept:
        raise Unavailable(f"there is no spool ({record.topic}, pending: {pending})")


@asynccontextmanager
async def journeys(settings: Settings) -> AsyncIterator[Pipeline]:
    """Build and start what takes events to Kafka, and stop it at the end."""
    telemetry = Telemetry()
    memory, writer = build_memory(settings, telemetry), build_writer(settings, telemetry)
    # Nobody sends again what this holds: it waits, and then says so.
    rule = replace(holding_rule(settings), hold_s=0.0, patience_s=_PATIENCE_S)
    pipeline = Pipeline(memory, Keeper(writer, _NoSpool()), routing_of(settings), telemetry, rule)
    memory.start()
    writer.start()
    pipeline.start()
    try:
        yield pipeline
    except Deferred:
        if writer.wanted:
            named = ", ".join(sorted(writer.wanted))
            raise Deferred(f"topics are missing: {named}: `vod-bridge topics --create` makes them") from None
        raise
    finally:
        await pipeline.stop(_STOP_S)
        await writer.stop(_STOP_S)
        await memory.stop()


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
        if outcome.ending is Ending.DEFERRED:
            raise Deferred(outcome.detail)
        told(task_id, str(outcome.ending))


async def _rebuilt(task_id: str, tasks: Tasks) -> bytes | None:
    try:
        return rebuilt(await tasks.detail(task_id), task_id)
    except Refused as refusal:
        if refusal.code.startswith(_FORGOTTEN):
            return None
        raise
