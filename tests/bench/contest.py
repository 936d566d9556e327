"""The bridge beside bare and naive: in the same run, turn by turn, several rounds of each."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from msgspec import Struct
from msgspec.structs import replace

from tests.bench.figures import Cost, median, ratio, row, spread
from tests.bench.load import Load
from tests.bench.stage import Stage, Target
from tests.bench.table import Cell, Table

ALL = ("bare", "naive", "bridge")
ROUNDS, SECONDS = (2, 5), (2, 8)  # quick, full
WARM = (1, 4)

Costs = Mapping[str, Sequence[Cost]]


class Contest(Struct, frozen=True, kw_only=True):
    """What is posted to whom: ``loads`` by label (empty where there is one), ``settings`` of the bridge.

    Where ``naive`` takes part it uses the same Kafka and Redis. ``rounds`` of ``seconds`` each.
    """

    title: str
    loads: Mapping[str, Load]
    programs: tuple[str, ...] = ALL
    settings: Mapping[str, str] = {}
    rounds: tuple[int, int] = ROUNDS
    seconds: tuple[int, int] = SECONDS


async def hold(stage: Stage, contest: Contest) -> dict[str, Costs]:
    """Measure, alternating, and give every window's cost by label and program."""
    rounds, seconds = (pair[not stage.quick] for pair in (contest.rounds, contest.seconds))
    found: dict[str, Costs] = {}
    async with AsyncExitStack() as stack:
        targets = [await _enter(stage, stack, name, contest.settings) for name in contest.programs]
        for label, load in contest.loads.items():
            costs: dict[str, list[Cost]] = {target.name: [] for target in targets}
            for target in targets:
                await stage.measure(target, load, WARM[not stage.quick])
            for _ in range(rounds):
                for target in targets:
                    costs[target.name].append(await stage.measure(target, load, seconds))
            found[label] = costs
    return found


async def compare(
    stage: Stage,
    contest: Contest,
    bars: Mapping[str, float],
    dreams: Mapping[str, float] | None = None,
) -> Table:
    """Measure and make the table.

    Results are named ``bridge_to_bare``; of several loads each has its own: ``later_bridge_to_bare``.
    """
    table = table_of(stage, contest, await hold(stage, contest))
    return replace(table, bars=dict(bars), dreams=dict(dreams or {}))


def table_of(stage: Stage, contest: Contest, found: Mapping[str, Costs]) -> Table:
    """Put what was found into a table, not judged."""
    rows: list[dict[str, Cell]] = []
    results: dict[str, float] = {}
    for label, costs in found.items():
        named: dict[str, Cell] = {"load": label} if label else {}
        rows += [named | row(name, each) for name, each in costs.items()]
        before = f"{label.replace(' ', '_')}_" if label else ""
        results |= {before + name: number for name, number in ratios(costs).items()}
    rounds, seconds = (pair[not stage.quick] for pair in (contest.rounds, contest.seconds))
    return Table(
        title=f"{contest.title}; medians of {rounds} rounds of {seconds} s",
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
    bridge, bare, naive = found["bridge"], found.get("bare"), found.get("naive")
    results: dict[str, float] = {}
    if bare is not None:
        results["bridge_to_bare"] = ratio(bridge.cpu_us, bare.cpu_us)
        results["p99_to_bare"] = ratio(bridge.p99_ms, bare.p99_ms)
    if naive is not None:
        results["bridge_to_naive"] = ratio(bridge.cpu_us, naive.cpu_us)
        results["redis_to_naive"] = ratio(bridge.redis_us, naive.redis_us)
    return results | {"not_2xx": bridge.failed}


async def _enter(stage: Stage, stack: AsyncExitStack, name: str, settings: Mapping[str, str]) -> Target:
    if name == "bare":
        return await stack.enter_async_context(stage.bare())
    if name == "naive":
        return await stack.enter_async_context(stage.naive(settings))
    return await stack.enter_async_context(stage.bridge(settings))
