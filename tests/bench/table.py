"""What a case finds, as it is printed, drawn and written down."""

from msgspec import Struct

Cell = str | int | float


class Table(Struct, frozen=True, kw_only=True):
    """Rows of named cells, and numbers worth a line of their own, judged.

    ``bars`` must not be passed, ``floors`` must be reached; ``dreams`` are what would be better still.
    ``cpu`` is what the chart shows: for each label and program the median, least and most CPU time of an
    event in microseconds. ``ledger`` is what stood in Kafka at the end, a row a program.
    """

    title: str
    rows: list[dict[str, Cell]]
    results: dict[str, float]
    bars: dict[str, float] = {}
    floors: dict[str, float] = {}
    dreams: dict[str, float] = {}
    cpu: dict[str, dict[str, list[float]]] = {}
    ledger: list[dict[str, Cell]] = []


def is_good(table: Table, name: str) -> bool | None:
    """Tell whether a result keeps its bar; None where it has none."""
    number = table.results[name]
    if name in table.bars:
        return number <= table.bars[name]
    if name in table.floors:
        return number >= table.floors[name]
    return None


def verdict(table: Table, name: str) -> str:
    """Say how a result stands to its bar, empty where it has none."""
    good = is_good(table, name)
    if good is None:
        return ""
    bar = f"at most {table.bars[name]:g}" if name in table.bars else f"at least {table.floors[name]:g}"
    dream = f", dream {table.dreams[name]:g}" if name in table.dreams else ""
    return f"{bar}{dream}: {'good' if good else 'OVER' if name in table.bars else 'UNDER'}"
