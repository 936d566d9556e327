"""Where an event's CPU time goes: the bridge under load, sampled by its CPU clock, by layer.

As a program (``python -m tests.bench.profiling FILE``) it is the bridge with a timer that interrupts it as
often as the kernel allows (each 1 to 10 ms of CPU time) and counts the innermost frame of ours. Libraries and
the kernel count for the layer that called them; without a frame of ours it is the event loop's own.
"""

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from bridge.cli import main as run
from tests.bench.bodies import of_documented_form
from tests.bench.figures import Cost, median
from tests.bench.load import INGRESS_HEAD, Load
from tests.bench.stage import Stage, Target
from tests.bench.table import Cell, Table
from tests.rig.parts import ROOT
from tests.rig.waiting import eventually

PACKAGE = f"{ROOT / 'bridge'}{os.sep}"
SAMPLE_S = 0.001
ROUNDS, SECONDS = (1, 3), (2, 12)  # quick, full
# Folders of `bridge`.
LAYERS = {
    "io/http": "HTTP and its sockets",
    "delivery": "delivery",
    "core": "decode, identity, record",
    "io/dedup": "Redis and its socket",
    "io/kafka": "Kafka and its sockets",
    "observability": "metrics, logs",
    "aio": "tasks, promises",
    "": "event loop, and the rest",
}


async def profile(stage: Stage) -> Table:
    """Measure which part of the program uses the CPU time of an event."""
    seconds, file = SECONDS[not stage.quick], stage.folder / "profile.json"
    load = Load(head=INGRESS_HEAD, bodies=of_documented_form())
    async with stage.bridge() as bridge:
        await stage.measure(bridge, load, 1)
        costs = [await stage.measure(bridge, load, seconds) for _ in range(ROUNDS[not stage.quick])]
    async with stage.bridge(module=("tests.bench.profiling", str(file))) as sampled:
        await stage.measure(sampled, load, 1)
        before = await _samples(sampled, file)
        await stage.measure(sampled, load, seconds)
        found = await _samples(sampled, file)
    found.subtract(before)
    return table_of(found, costs)


def table_of(found: Counter[str], costs: list[Cost]) -> Table:
    """Share out the CPU time of an event that was measured without the sampling."""
    cost, total = median(costs), max(1, found.total())
    shares = {layer: found[layer] / total for layer in LAYERS}
    rows: list[dict[str, Cell]] = [
        {"part": text, "us": round(cost.cpu_us * shares[layer], 1), "%": round(100 * shares[layer])}
        for layer, text in LAYERS.items()
    ]
    return Table(
        title=f"an event's {cost.cpu_us:.1f} us, by {total:,} samples",
        rows=rows,
        results={"cpu_us": round(cost.cpu_us, 1), "not_2xx": cost.failed},
        bars={"not_2xx": 0},
    )


def layer_of(frame: FrameType | None) -> str:
    """Return the folder of the innermost frame of ours, as `LAYERS` has it; empty where there is none."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            inside = frame.f_code.co_filename.removeprefix(PACKAGE)
            return next(layer for layer in LAYERS if inside.startswith(layer))
        frame = frame.f_back
    return ""


async def _samples(target: Target, file: Path) -> Counter[str]:
    """Let the program write its samples so far, and read them."""
    os.kill(target.pid, signal.SIGUSR2)
    await eventually(file.exists, "the samples are written")
    return Counter(_take(file))


def _take(file: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads(file.read_bytes())
    file.unlink()
    return found


def main() -> None:
    """Run the bridge's command line under the timer; SIGUSR2 writes the samples so far into the file."""
    file, samples = Path(sys.argv.pop(1)), Counter[str]()

    def sample(_: int, frame: FrameType | None) -> None:
        samples[layer_of(frame)] += 1

    def write(_: int, __: FrameType | None) -> None:
        partial_file = file.with_suffix(".partial")
        partial_file.write_text(json.dumps(samples), encoding="utf-8")
        partial_file.rename(file)

    signal.signal(signal.SIGPROF, sample)
    signal.signal(signal.SIGUSR2, write)
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_S, SAMPLE_S)
    run()


if __name__ == "__main__":
    main()
