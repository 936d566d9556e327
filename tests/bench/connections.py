"""From one connection to 2,000: nobody is turned away, and throughput stays."""

from collections.abc import Mapping

from tests.bench.contest import Contest, hold, table_of
from tests.bench.figures import median, ratio
from tests.bench.load import Load
from tests.bench.stage import Stage
from tests.bench.table import Table

CONNECTIONS = (1, 32, 128, 512, 2_000)
MAX_CONNECTIONS = CONNECTIONS[-1]


async def connections(stage: Stage) -> Table:
    """Measure from one connection to 2,000."""
    contest = Contest(
        title="from one connection to 2,000",
        loads={str(number): Load(connections=number) for number in CONNECTIONS},
        rounds=(1, 3),
        seconds=(2, 6),
    )
    found = await hold(stage, contest)
    table = table_of(stage, contest, found)
    bridge = {label: median(costs["bridge"]) for label, costs in found.items()}
    return Table(
        title=table.title,
        rows=table.rows,
        results=table.results
        | {"throughput_2000_to_128": ratio(bridge[str(MAX_CONNECTIONS)].per_s, bridge["128"].per_s)},
        bars={f"{number}_not_2xx": 0 for number in CONNECTIONS},
        floors={"throughput_2000_to_128": 0.85},
        cpu={f"{label} connections": each for label, each in table.cpu.items()},
    )


def _without_row_values(results: Mapping[str, float]) -> dict[str, float]:
    """Leave out what the rows show as well."""
    return {name: number for name, number in results.items() if name.endswith(("bridge_to_bare", "not_2xx"))}
