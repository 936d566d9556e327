"""Costs for the bench's own tests."""

from tests.bench.figures import Cost


def example_cost(cpu_us: float, *, failed: int = 0, redis_us: float = 4.0) -> Cost:
    """Make the cost of a window in which an event took so much CPU time."""
    return Cost(
        requests=100,
        per_s=1_000.0,
        cpu_us=cpu_us,
        redis_us=redis_us,
        p50_ms=0.5,
        p99_ms=cpu_us / 10,
        p999_ms=3.0,
        rss_mb=50.0,
        failed=failed,
    )
