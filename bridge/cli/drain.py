"""``vod-bridge drain``: a spool folder whose process is gone, emptied into Kafka."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.build import build_drain, build_spool, build_writer
from bridge.cli.ending import FAILED, ConfigFile, fail, settings_of
from bridge.cli.trouble import hush_library
from bridge.io.spool import InUse, Spool
from bridge.settings import Settings
from bridge.telemetry import Telemetry, set_up_logging

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

    Records keep their ids: consumers see at most a repeat. Ctrl-C stops; what is left stays whole. Ends with
    1 if something is left.

    Example: vod-bridge drain --spool /var/lib/vod-event-bridge
    """
    hush_library()
    set_up_logging("error", "console")
    settings = settings_of(config)
    own = settings.spool.model_copy(update={"path": str(spool), "max_bytes": settings.spool.max_bytes or 1})
    try:
        left, why = asyncio.run(_empty(settings.model_copy(update={"spool": own}), patience))
    except InUse as error:
        fail(f"{error}: a living bridge drains by itself as soon as Kafka takes records")
    if left:
        fail(f"{left} records are left in {spool}: {why}", FAILED)
    Console(highlight=False, soft_wrap=True).print(f"{spool} is empty")


async def _empty(settings: Settings, patience: float) -> tuple[int, str]:
    """Drain until the folder is empty or nothing moves; tell how many records are left, and why."""
    telemetry = Telemetry()
    store = build_spool(settings, telemetry)
    store.start()
    writer = build_writer(settings, telemetry)
    way_back = build_drain(settings, writer, store, telemetry)
    writer.start()
    way_back.start()
    try:
        told = await _watch(store, patience)
        if not told and store.records:
            missing = sorted(set(writer.wanted))
            told = "Kafka does not answer" if not writer.flowing else "Kafka does not take them"
            told += f"; missing topics: {', '.join(missing)} (vod-bridge topics --create)" if missing else ""
    finally:
        await way_back.stop()
        await writer.stop(_STOP_S)
        await store.stop()
    return store.records, told


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
