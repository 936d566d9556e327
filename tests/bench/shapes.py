"""What the largest body costs, in fifty shapes: ``python -m tests.bench.shapes [--size BYTES] [SHAPE ...]``.

For each shape: CPU until an unsigned one is refused, inflating included, and the memory for it beside the
body; then, on an open application, CPU until it is read, the most of it between two turns of the event loop
(not time, so that other programs do not count), the slowest of the ordinary events that were delivered
meanwhile, and the memory beside the body.
"""

import argparse
import asyncio
import gc
import gzip
import sys
import tracemalloc
from pathlib import Path
from time import perf_counter, process_time, thread_time

from bridge.core.application import Application
from bridge.core.inflate import inflate
from bridge.core.signature import NO_SIGNATURE, check_signature, read_signature_params
from tests.body_shapes import SHAPES
from tests.deliveries import Rig, edited

SIZE = 4 * 1024 * 1024
TRIES = 3
TICK_S = 0.002
SIGNED = Application(name="shop", sign_keys=("key",))
BARS = {"401 ms": 30.0, "401 x": 2.0, "loop ms": 500.0, "ordinary ms": 1000.0}
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def main() -> int:
    """Print the table; 1 where a bar is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("shapes", nargs="*", metavar="SHAPE")
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)  # as `bridge.app` has it
    worst: dict[str, float] = {}
    heads = ("gzip KB", "401 ms", "401 x", "read ms", "loop ms", "ordinary ms", "open MB", "outcome")
    sys.stdout.write(f"{'shape':40}" + "".join(f"{head:>10}" for head in heads) + "\n")
    for name in options.shapes or SHAPES:
        body = SHAPES[name](options.size)
        row = unsigned(body) | asyncio.run(opened(body))
        for bar in BARS:
            worst[bar] = max(worst.get(bar, 0), float(row[bar]))
        cells = (f"{row[head]:>10.1f}" if head != "outcome" else f"{row[head]:>13}" for head in heads)
        sys.stdout.write(f"{name:40}" + "".join(cells) + "\n")
        sys.stdout.flush()
    broken = [f"{bar}: {value:.1f} > {BARS[bar]}" for bar, value in worst.items() if value > BARS[bar]]
    sys.stdout.write(f"worst: {worst}\n" + "".join(f"broken: {one}\n" for one in broken))
    return int(bool(broken))


def unsigned(body: bytes) -> dict[str, float | str]:
    """Measure an unsigned body up to its refusal."""
    compressed = gzip.compress(body)
    spent = []
    for _ in range(TRIES):
        began = thread_time()
        plain = inflate(compressed, "gzip", len(body)).body
        if check_signature(SIGNED, read_signature_params(plain), NO_SIGNATURE, 0) != "missing":
            raise AssertionError
        spent.append(thread_time() - began)
    tracemalloc.start()
    read_signature_params(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "gzip KB": len(compressed) / 1024,
        "401 ms": min(spent) * 1000,
        "401 x": peak / len(body),
    }


async def opened(body: bytes) -> dict[str, float | str]:
    """Measure a body of an open application, beside ordinary events."""
    rig = Rig()
    rig.pipeline.start()
    gaps, ordinary = [0.0], [0.0]

    async def tick() -> None:
        while True:
            began = process_time()
            await asyncio.sleep(TICK_S)
            gaps.append(process_time() - began)

    async def deliver() -> None:
        number = 0
        while True:
            number += 1
            began = perf_counter()
            await rig.deliver(edited(f"ordinary-{number}"))
            ordinary.append(perf_counter() - began)
            await asyncio.sleep(TICK_S)

    beside = [asyncio.create_task(tick()), asyncio.create_task(deliver())]
    await asyncio.sleep(TICK_S)
    _reset_peak()
    before, began = _memory_mb("VmRSS"), process_time()
    outcome = await rig.deliver(body)
    await asyncio.sleep(2 * TICK_S)  # the last gap ends
    spent, peak = process_time() - began, _memory_mb("VmHWM")
    for task in beside:
        task.cancel()
    await rig.pipeline.stop(1)
    return {
        "read ms": spent * 1000,
        "loop ms": max(gaps) * 1000,
        "ordinary ms": max(ordinary) * 1000,
        "open MB": peak - before,
        "outcome": str(outcome.outcome),
    }


def _reset_peak() -> None:
    CLEAR.write_text("5", encoding="ascii")


def _memory_mb(name: str) -> float:
    line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
