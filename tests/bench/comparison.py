"""The bridge beside other programs: in the same run, in turn, several rounds of each."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from msgspec import Struct
from msgspec.structs import replace

from tests.bench.figures import Cost, median, ratio, row, spread
from tests.bench.go_service import go_is_missing
from tests.bench.load import Load
from tests.bench.stage import Stage, Target
from tests.bench.table import Cell, Table

ALL = ("bare", "naive", "bridge")
PEERS = ("bare", "naive", "go", "bridge")
ROUNDS, SECONDS = (2, 5), (2, 8)  # quick, full
WARM = (1, 4)

Costs = Mapping[str, Sequence[Cost]]


class Comparison(Struct, frozen=True, kw_only=True):
    """What is posted to which programs: ``loads`` by label (empty if one), ``settings`` of the bridge.

    Where ``naive`` and ``go`` take part they use the same Kafka and Redis; ``go`` is left out where this
    machine cannot build it. ``rounds`` of ``seconds`` each.
    """

    title: str
    loads: Mapping[str, Load]
    programs: tuple[str, ...] = ALL
    settings: Mapping[str, str] = {}
    rounds: tuple[int, int] = ROUNDS
    seconds: tuple[int, int] = SECONDS


async def measure_all(stage: Stage, comparison: Comparison) -> dict[str, Costs]:
    """Measure, alternating, and give every window's cost by label and program.

    The order of the programs turns round after each round, so that none is always the first.
    """
    rounds, seconds = (pair[not stage.quick] for pair in (comparison.rounds, comparison.seconds))
    found: dict[str, Costs] = {}
    async with AsyncExitStack() as stack:
        targets = [await _enter(stage, stack, name, comparison.settings) for name in _present(comparison)]
        for label, load in comparison.loads.items():
            costs: dict[str, list[Cost]] = {target.name: [] for target in targets}
            for target in targets:
                await stage.measure(target, load, WARM[not stage.quick])
            for turn in range(rounds):
                for target in targets if turn % 2 == 0 else reversed(targets):
                    costs[target.name].append(await stage.measure(target, load, seconds))
            found[label] = costs
    return found


async def compare(
    stage: Stage,
    comparison: Comparison,
    bars: Mapping[str, float],
    dreams: Mapping[str, float] | None = None,
) -> Table:
    """Measure and make the table.

    Results are named ``bridge_to_bare``; of several loads each has its own: ``later_bridge_to_bare``.
    """
    table = table_of(stage, comparison, await measure_all(stage, comparison))
    return replace(table, bars=dict(bars), dreams=dict(dreams or {}))


def table_of(stage: Stage, comparison: Comparison, found: Mapping[str, Costs]) -> Table:
    """Put what was measured into a table, not judged."""
    rows: list[dict[str, Cell]] = []
    results: dict[str, float] = {}
    for label, costs in found.items():
        named: dict[str, Cell] = {"load": label} if label else {}
        rows += [named | row(name, each) for name, each in costs.items()]
        before = f"{label.replace(' ', '_')}_" if label else ""
        results |= {before + name: number for name, number in ratios(costs).items()}
    rounds, seconds = (pair[not stage.quick] for pair in (comparison.rounds, comparison.seconds))
    left_out = f"; without the Go service: {go_is_missing()}" if "go" in _left_out(comparison) else ""
    return Table(
        title=f"{comparison.title}; medians of {rounds} rounds of {seconds} s{left_out}",
        rows=rows,
        results=results,
        cpu={
            label: {name: spread([cost.cpu_us for cost in each]) for name, each in costs.items()}
            for label, costs in found.items()
        },
    )


def ratios(costs: Costs) -> dict[str, float]:
    """Give the bridge as multiples of the others."""
    found = {name: median(each) for name, each in costs.items()}
    bridge, bare, naive, go = found["bridge"], found.get("bare"), found.get("naive"), found.get("go")
    results: dict[str, float] = {}
    if bare is not None:
        results["bridge_to_bare"] = ratio(bridge.cpu_us, bare.cpu_us)
        results["p99_to_bare"] = ratio(bridge.p99_ms, bare.p99_ms)
    if naive is not None:
        results["bridge_to_naive"] = ratio(bridge.cpu_us, naive.cpu_us)
        results["redis_to_naive"] = ratio(bridge.redis_us, naive.redis_us)
    if go is not None:
        results["bridge_to_go"] = ratio(bridge.cpu_us, go.cpu_us)
        results["p99_to_go"] = ratio(bridge.p99_ms, go.p99_ms)
    return results | {"not_2xx": bridge.failed}


def _left_out(comparison: Comparison) -> set[str]:
    return {"go"} if "go" in comparison.programs and go_is_missing() else set()


def _present(comparison: Comparison) -> list[str]:
    return [name for name in comparison.programs if name not in _left_out(comparison)]


async def _enter(stage: Stage, stack: AsyncExitStack, name: str, settings: Mapping[str, str]) -> Target:
    if name == "bare":
        return await stack.enter_async_context(stage.bare())
    if name == "naive":
        return await stack.enter_async_context(stage.naive(settings))
    if name == "go":
        return await stack.enter_async_context(stage.go(settings))
    return await stack.enter_async_context(stage.bridge(settings))
