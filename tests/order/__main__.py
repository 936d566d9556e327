"""Plays many runs: ``make order ARGS="[SEEDS] [--first SEED] [--mutations [NAME ...]]"``.

1 where a run shows a violation; with mutations, 1 where one of them is not found within so many seeds.
"""

import argparse
import sys
import time
from collections.abc import Sequence

import pytest

from tests.order.mutations import MUTATIONS
from tests.order.scenario import violations_of

SEEDS = 2_000
SEEDS_PER_MUTATION = 500


def main() -> int:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(prog="make order ARGS=...", description=__doc__)
    parser.add_argument(
        "seeds", nargs="?", type=int, help=f"{SEEDS:,}; a mutation: {SEEDS_PER_MUTATION} at most"
    )
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="where to begin")
    parser.add_argument("--mutations", nargs="*", metavar="NAME", help=f"of {', '.join(MUTATIONS)}")
    arguments = parser.parse_args()
    if arguments.mutations is None:
        return play(range(arguments.first, arguments.first + (arguments.seeds or SEEDS)))
    seeds = range(arguments.first, arguments.first + (arguments.seeds or SEEDS_PER_MUTATION))
    found = [find(name, seeds) for name in arguments.mutations or MUTATIONS]
    return 0 if all(seed is not None for seed in found) else 1


def play(seeds: Sequence[int]) -> int:
    """Play the seeds, and name each that shows something."""
    started_at, failed = time.monotonic(), 0
    for seed in seeds:
        if found := violations_of(seed):
            failed += 1
            _print(f"seed {seed}: {'; '.join(found[:4])[:600]}")
    _print(f"{len(seeds)} seeds, {failed} with violations, {time.monotonic() - started_at:.0f} s")
    return 1 if failed else 0


def find(name: str, seeds: Sequence[int]) -> int | None:
    """Return the first seed that finds a mutation."""
    for seed in seeds:
        with pytest.MonkeyPatch.context() as patch:
            MUTATIONS[name](patch)
            found = violations_of(seed)
        if found:
            _print(f"{name}: seed {seed}: {found[0][:200]}")
            return seed
    _print(f"{name}: not found in {len(seeds)} seeds")
    return None


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
