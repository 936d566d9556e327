"""What the spool's tests share: records, a spool that can die without a word, and what its folder holds."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bridge.core.event import Record
from bridge.io.spool import Entry, Limits, Spool
from bridge.telemetry import Telemetry

NOW_MS = 1_764_806_400_000
FEW = Limits(free_min_bytes=0, retry_s=0.02)
SMALL = Limits(free_min_bytes=0, retry_s=0.02, segment_bytes=4_096)


def record(number: int, size: int = 20, topic: str = "vod.NewFileUpload") -> Record:
    """Make a record that can be told from the others by its key."""
    return Record(topic=topic, key=b"%d" % number, value=b"v" * size, headers=[("ce_id", b"%d" % number)])


def number_of(record: Record) -> int:
    """Tell which one it is."""
    return int(record.key)


def spool_in(folder: Path, limits: Limits = FEW, now_ms: Callable[[], int] = lambda: NOW_MS) -> Spool:
    """Start a spool."""
    spool = Spool(folder, limits, Telemetry(), now_ms)
    spool.start()
    return spool


async def keep(spool: Spool, numbers: range, size: int = 20) -> list[Entry]:
    """Put records and wait until they are durable."""
    entries = [spool.put(record(number, size)) for number in numbers]
    for entry in entries:
        await entry.kept
    return entries


async def read_all(spool: Spool, most_bytes: int = 1 << 20) -> list[tuple[Entry, Record]]:
    """Take everything that is ready."""
    taken: list[tuple[Entry, Record]] = []
    while found := await spool.read(most_bytes, lambda _topic, _key: False):
        taken += found
    return taken


async def numbers_in(spool: Spool) -> list[int]:
    """Tell which records can be read, and let them be."""
    spool.rewind()
    taken = await read_all(spool)
    for entry, _ in taken:
        entry.free()
    spool.rewind()
    return [number_of(found) for _, found in taken]


async def numbers_after_restart(folder: Path, limits: Limits = FEW) -> list[int]:
    """Tell which records a new start finds."""
    spool = spool_in(folder, limits)
    numbers = await numbers_in(spool)
    await spool.stop()
    return numbers


def die(spool: Spool) -> None:
    """End it as SIGKILL would: nothing more is written, the kernel lets go of its files."""
    # ruff: noqa: SLF001 - a death asks nobody
    if spool._watch is not None:
        spool._watch.cancel()
    commits = spool._commits
    commits._stopped = True
    if commits._task is not None:
        commits._task.cancel()
    if commits._timer is not None:
        commits._timer.cancel()
    commits._thread.shutdown(wait=True, cancel_futures=True)
    spool._reader.shutdown(wait=True)
    spool._folder.leave()


def damage_told(spool: Spool) -> dict[str, float]:
    """Tell the damage counter by its label."""
    samples = [sample for metric in spool._telemetry.spool_damaged.collect() for sample in metric.samples]
    return {s.labels["what"]: s.value for s in samples if s.name.endswith("_total")}


def logs(folder: Path) -> list[Path]:
    """List the segments' logs, oldest first."""
    return sorted(folder.glob("*.log"))


def acks_file(folder: Path) -> Path:
    """Name the acknowledgements of the only segment."""
    (file,) = folder.glob("*.ack")
    return file


def damaged(folder: Path) -> list[Path]:
    """List what was kept aside."""
    return sorted(folder.glob("*.damaged"))


def names_in(folder: Path) -> list[str]:
    """List every file."""
    return sorted(file.name for file in folder.iterdir())


def bytes_in(folder: Path) -> int:
    """Sum up what every file in the folder takes."""
    return sum(file.stat().st_size for file in folder.iterdir())


def fill(volume: Path) -> Path:
    """Take every byte that a volume has left; gives the file that does."""
    ballast = volume / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4_096))
    return ballast


def flip(file: Path, at: int, mask: int = 0x40) -> None:
    """Change one byte."""
    with file.open("r+b") as opened:
        opened.seek(at)
        byte = opened.read(1)[0]
        opened.seek(at)
        opened.write(bytes([byte ^ mask]))
