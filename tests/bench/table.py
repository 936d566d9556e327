"""What a case finds, as it is printed and written down."""

from msgspec import Struct

Cell = str | int | float


class Table(Struct, frozen=True, kw_only=True):
    """Rows of named cells, and numbers worth a line of their own with the bars they must not be over."""

    title: str
    rows: list[dict[str, Cell]]
    results: dict[str, float]
    bars: dict[str, float]
