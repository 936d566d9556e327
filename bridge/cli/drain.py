"""``vod-bridge drain``: writes a spool folder whose process is gone to Kafka."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli.support.exit import EXIT_FAILED, ConfigFile, fail, load_settings_or_exit
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.terminal import mask_nested
from bridge.core.plural import counted
from bridge.io.kafka.publisher import KafkaPublisher
from bridge.io.spool import Spool, SpoolLockedError
from bridge.io.spool.folders import all_folders
from bridge.observability.logging import configure_logging
from bridge.observability.telemetry import Telemetry
from bridge.operations.kafka_errors import silence_aiokafka
from bridge.settings.settings import Settings
from bridge.wiring import build_drain, build_publisher, build_spool

_SPOOL_MAX_BYTES = 1 << 40
_POLL_S = 0.1
_STOP_TIMEOUT_S = 2.0


def drain(
    *,
    spool: Annotated[
        Path, typer.Option(help="The folder, as BRIDGE_SPOOL__PATH named it.", exists=True, file_okay=False)
    ],
    idle_timeout_s: Annotated[
        float,
        typer.Option(
            "--idle-timeout", "--patience", min=1, help="Seconds without progress after which it gives up."
        ),
    ] = 60,
    config: ConfigFile = None,
) -> None:
    """Empty a spool folder into Kafka, in order, where the process that filled it is gone.

    Records keep their ids: consumers see at most a repeat. Ctrl-C stops; what is left stays whole.

    Ends with 1 if something is left.

    Example: vod-bridge drain --spool /var/lib/vod-event-bridge
    """
    silence_aiokafka()
    configure_logging("error", "console", mask=mask_nested)
    settings = load_settings_or_exit(config)
    folders = [spool, *(folder for folder in all_folders(spool)[1:] if any(folder.glob("*.log")))]
    for folder in folders:  # of several workers each has a folder in it
        _drain_folder(settings, folder, idle_timeout_s)


def _drain_folder(settings: Settings, spool: Path, idle_timeout_s: float) -> None:
    """Drain one folder; exit where something of it is left."""
    # Nothing new is spooled: the quota is for quarantined records only.
    spool_settings = settings.spool.model_copy(
        update={"path": str(spool), "max_bytes": _SPOOL_MAX_BYTES, "free_min_bytes": 0}
    )
    settings = settings.model_copy(update={"spool": spool_settings})
    try:
        reason = run_interruptible(_drain_all(settings, idle_timeout_s))
    except SpoolLockedError as error:
        fail(f"{error}: a living bridge drains by itself as soon as Kafka takes records")
    damaged = sorted(spool.glob("*.damaged"))
    if damaged:
        number = counted(len(damaged), "file")
        quarantine_note = f"damaged records are kept aside for a person, in {number}: {damaged[0]}, …"
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            quarantine_note, style="yellow", markup=False
        )
    if not reason and any(spool.glob("*.log")):
        reason = "some of it could not be read; the lines above say what"
    if reason:
        fail(f"{spool} is not empty: {reason}", EXIT_FAILED)
    Console(highlight=False, soft_wrap=True).print(f"{spool} is empty")


async def _drain_all(settings: Settings, idle_timeout_s: float) -> str:
    """Drain until the folder is empty or nothing moves; return why something remains, or ""."""
    telemetry = Telemetry()
    store = build_spool(settings, telemetry)
    store.start()
    if not store.opened:
        reason = store.unavailable_reason
        await store.stop()
        return f"it cannot be read: {reason}"
    writer = build_publisher(settings, telemetry)
    spool_drain = build_drain(settings, writer, store, telemetry)
    writer.start()
    spool_drain.start()
    try:
        reason = await _show_progress(store, idle_timeout_s)
        if store.records:
            reason = f"{counted(store.records, 'record')} left; {reason or _blocked_reason(writer)}"
    finally:
        await spool_drain.stop()
        await writer.stop(_STOP_TIMEOUT_S)
        await store.stop()
    return reason if store.records else ""


def _blocked_reason(writer: KafkaPublisher) -> str:
    if not writer.accepting:
        return "Kafka does not answer"
    missing_topics = ", ".join(sorted(writer.unknown_topics))
    return (
        f"topics are missing: {missing_topics} (vod-bridge topics --create)"
        if missing_topics
        else "Kafka refuses them"
    )


async def _show_progress(store: Spool, idle_timeout_s: float) -> str:
    """Show the progress until all is drained, nothing moves any more, or Ctrl-C."""
    loop = asyncio.get_running_loop()
    stop_event = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop_event.set)
    total, remaining, progress_at = store.records, store.records, loop.time()
    columns = (TextColumn("draining"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total)
        while store.records and loop.time() - progress_at < idle_timeout_s:
            if store.records != remaining:
                remaining, progress_at = store.records, loop.time()
            progress.update(task, completed=total - remaining)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop_event.wait(), _POLL_S)
                return "stopped"
        progress.update(task, completed=total - store.records)
    return ""
