"""What the spool's tests share: records, a spool that can die without a word, and what its folder holds."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bridge.core.event import Record
from bridge.io.spool import Spool, SpoolEntry, SpoolLimits
from bridge.observability.telemetry import Telemetry
from tests.rig.waiting import WITHIN_S

NOW_MS = 1_764_806_400_000
# On a busy machine a disk that is well may take seconds for a write.
LIMITS = SpoolLimits(free_min_bytes=0, retry_s=0.02, stalled_s=WITHIN_S)
SMALL = SpoolLimits(free_min_bytes=0, retry_s=0.02, stalled_s=WITHIN_S, segment_bytes=4_096)


def record(number: int, size: int = 20, topic: str = "vod.NewFileUpload") -> Record:
    """Make a record whose key distinguishes it from the others."""
    return Record(topic=topic, key=b"%d" % number, value=b"v" * size, headers=[("ce_id", b"%d" % number)])


def number_of(record: Record) -> int:
    """Return its number."""
    return int(record.key)


def spool_in(folder: Path, limits: SpoolLimits = LIMITS, now_ms: Callable[[], int] = lambda: NOW_MS) -> Spool:
    """Start a spool."""
    spool = Spool(folder, limits, Telemetry(), now_ms)
    spool.start()
    return spool


async def append_durably(spool: Spool, numbers: range, size: int = 20) -> list[SpoolEntry]:
    """Put records and wait until they are durable."""
    entries = [spool.append(record(number, size)) for number in numbers]
    for entry in entries:
        await entry.durable
    return entries


async def read_all(spool: Spool, max_bytes: int = 1 << 20) -> list[tuple[SpoolEntry, Record]]:
    """Take everything that is ready."""
    leased: list[tuple[SpoolEntry, Record]] = []
    while found := await spool.read(max_bytes, lambda _topic, _key: False):
        leased += found
    return leased


async def numbers_in(spool: Spool) -> list[int]:
    """Return which records can be read, and make them available again."""
    spool.rewind()
    leased = await read_all(spool)
    for entry, _ in leased:
        entry.make_available()
    spool.rewind()
    return [number_of(found) for _, found in leased]


async def numbers_after_restart(folder: Path, limits: SpoolLimits = LIMITS) -> list[int]:
    """Return which records a new start finds."""
    spool = spool_in(folder, limits)
    numbers = await numbers_in(spool)
    await spool.stop()
    return numbers


def kill(spool: Spool) -> None:
    """End it as SIGKILL would: nothing more is written, the kernel lets go of its files."""
    # ruff: noqa: SLF001 - a death asks nobody
    if spool._maintenance is not None:
        spool._maintenance.cancel()
    group_commit = spool._group_commit
    group_commit._stopped = True
    if group_commit._task is not None:
        group_commit._task.cancel()
    if group_commit._timer is not None:
        group_commit._timer.cancel()
    group_commit._thread.shutdown(wait=True, cancel_futures=True)
    spool._reader.shutdown(wait=True)
    spool._directory.unlock()


def counted_corruptions(spool: Spool) -> dict[str, float]:
    """Return the corruption counter by its label."""
    samples = [sample for metric in spool._telemetry.spool_corruptions.collect() for sample in metric.samples]
    return {s.labels["kind"]: s.value for s in samples if s.name.endswith("_total")}


def log_files(folder: Path) -> list[Path]:
    """List the segments' logs, oldest first."""
    return sorted(folder.glob("*.log"))


def acks_file(folder: Path) -> Path:
    """Name the acknowledgements of the only segment."""
    (file,) = folder.glob("*.ack")
    return file


def quarantined_files(folder: Path) -> list[Path]:
    """List what was kept aside."""
    return sorted(folder.glob("*.damaged"))


def file_names(folder: Path) -> list[str]:
    """List every file."""
    return sorted(file.name for file in folder.iterdir())


def total_bytes(folder: Path) -> int:
    """Sum up what every file in the folder takes; one that the spool removes meanwhile takes nothing."""
    total = 0
    for file in folder.iterdir():
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def fill_volume(volume: Path) -> Path:
    """Take every byte that a volume has left; gives the file that does."""
    ballast = volume / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4_096))
    return ballast


def flip_byte(file: Path, offset: int, mask: int = 0x40) -> None:
    """Change one byte."""
    with file.open("r+b") as opened:
        opened.seek(offset)
        byte = opened.read(1)[0]
        opened.seek(offset)
        opened.write(bytes([byte ^ mask]))
