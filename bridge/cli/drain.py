"""``vod-bridge drain``: a spool folder whose process is gone, emptied into Kafka."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli.ending import FAILED, ConfigFile, fail, settings_of
from bridge.cli.terminal import mask_inside
from bridge.cli.trouble import hush_library
from bridge.core.plural import counted
from bridge.io.kafka.publisher import KafkaPublisher
from bridge.io.spool import Spool, SpoolLockedError
from bridge.observability.logging import configure_logging
from bridge.observability.telemetry import Telemetry
from bridge.settings.settings import Settings
from bridge.wiring import build_drain, build_publisher, build_spool

_MOST = 1 << 40
_LOOK_S = 0.1
_STOP_S = 2.0


def drain(
    *,
    spool: Annotated[
        Path, typer.Option(help="The folder, as BRIDGE_SPOOL__PATH named it.", exists=True, file_okay=False)
    ],
    patience: Annotated[
        float, typer.Option(min=1, help="Seconds without progress after which it gives up.")
    ] = 60,
    config: ConfigFile = None,
) -> None:
    """Empty a spool folder into Kafka, in order, where the process that filled it is gone.

    Records keep their ids: consumers see at most a repeat. Ctrl-C stops; what is left stays whole.

    Ends with 1 if something is left.

    Example: vod-bridge drain --spool /var/lib/vod-event-bridge
    """
    hush_library()
    configure_logging("error", "console", mask=mask_inside)
    settings = settings_of(config)
    # Nothing new is kept here: room is only for what is found damaged.
    own = settings.spool.model_copy(update={"path": str(spool), "max_bytes": _MOST, "free_min_bytes": 0})
    try:
        why = asyncio.run(_empty(settings.model_copy(update={"spool": own}), patience))
    except SpoolLockedError as error:
        fail(f"{error}: a living bridge drains by itself as soon as Kafka takes records")
    damaged = sorted(spool.glob("*.damaged"))
    if damaged:
        number = counted(len(damaged), "file")
        aside = f"damaged records are kept aside for a person, in {number}: {damaged[0]}, …"
        Console(stderr=True, highlight=False, soft_wrap=True).print(aside, style="yellow", markup=False)
    if not why and any(spool.glob("*.log")):
        why = "some of it could not be read; the lines above say what"
    if why:
        fail(f"{spool} is not empty: {why}", FAILED)
    Console(highlight=False, soft_wrap=True).print(f"{spool} is empty")


async def _empty(settings: Settings, patience: float) -> str:
    """Drain until the folder is empty or nothing moves; tell why something is left, if so."""
    telemetry = Telemetry()
    store = build_spool(settings, telemetry)
    store.start()
    if not store.opened:
        why = store.unavailable_reason
        await store.stop()
        return f"it cannot be read: {why}"
    writer = build_publisher(settings, telemetry)
    way_back = build_drain(settings, writer, store, telemetry)
    writer.start()
    way_back.start()
    try:
        told = await _watch(store, patience)
        if store.records:
            told = f"{counted(store.records, 'record')} left; {told or _reason(writer)}"
    finally:
        await way_back.stop()
        await writer.stop(_STOP_S)
        await store.stop()
    return told if store.records else ""


def _reason(writer: KafkaPublisher) -> str:
    if not writer.accepting:
        return "Kafka does not answer"
    missing = ", ".join(sorted(writer.unknown_topics))
    return f"topics are missing: {missing} (vod-bridge topics --create)" if missing else "Kafka refuses them"


async def _watch(store: Spool, patience: float) -> str:
    """Show the progress until all is drained, nothing moves any more, or a person has had enough."""
    loop = asyncio.get_running_loop()
    enough = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, enough.set)
    total, left, moved_at = store.records, store.records, loop.time()
    columns = (TextColumn("draining"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total)
        while store.records and loop.time() - moved_at < patience:
            if store.records != left:
                left, moved_at = store.records, loop.time()
            progress.update(task, completed=total - left)
            with suppress(TimeoutError):
                await asyncio.wait_for(enough.wait(), _LOOK_S)
                return "stopped"
        progress.update(task, completed=total - store.records)
    return ""
