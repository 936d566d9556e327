"""Numbers out of windows: the cost of an event, medians, and how far the windows lie apart."""

import statistics
from collections.abc import Sequence

from msgspec import Struct

from tests.bench.table import Cell


class Cost(Struct, frozen=True, kw_only=True):
    """What events cost in one window, or the median over several; ``redis_us`` is Redis's own CPU time."""

    requests: int
    per_s: float
    cpu_us: float
    redis_us: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    rss_mb: float
    failed: int


def median(costs: Sequence[Cost]) -> Cost:
    """Take the median of each number; of what is counted, the sum."""

    def middle(name: str) -> float:
        return float(statistics.median(getattr(cost, name) for cost in costs))

    return Cost(
        requests=sum(cost.requests for cost in costs),
        per_s=middle("per_s"),
        cpu_us=middle("cpu_us"),
        redis_us=middle("redis_us"),
        p50_ms=middle("p50_ms"),
        p99_ms=middle("p99_ms"),
        p999_ms=middle("p999_ms"),
        rss_mb=middle("rss_mb"),
        failed=sum(cost.failed for cost in costs),
    )


def spread(numbers: Sequence[float]) -> list[float]:
    """Give median, least and most."""
    return [float(statistics.median(numbers)), float(min(numbers)), float(max(numbers))]


def ratio(one: float, other: float) -> float:
    """Give the one as a multiple of the other; 0 where there is nothing to compare with."""
    return round(one / other, 2) if other > 0 else 0.0


def per_event_us(seconds: float, events: int) -> float:
    """Give seconds for so many events in microseconds for one; never below 0."""
    return max(0.0, seconds) * 1e6 / max(1, events)


def row(program: str, costs: Sequence[Cost]) -> dict[str, Cell]:
    """Write the line of one program."""
    found = median(costs)
    _, least, most = spread([cost.cpu_us for cost in costs])
    return {
        "program": program,
        "events/s": round(found.per_s),
        "CPU us/event": round(found.cpu_us, 1),
        "least-most": f"{least:.0f}-{most:.0f}",
        "Redis us": round(found.redis_us, 1),
        "p50 ms": _ms(found.p50_ms),
        "p99 ms": _ms(found.p99_ms),
        "p99.9 ms": _ms(found.p999_ms),
        "RSS MB": round(found.rss_mb),
        "events": found.requests,
        "not 2xx": found.failed,
    }


def _ms(number: float) -> float:
    return round(number, 2 if number < 1 else 1)
