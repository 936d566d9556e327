"""Times as whole milliseconds since 1970, without the rounding of fractions."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unix_ms(at: datetime) -> int:
    """Return the milliseconds since 1970 of a time with its zone, below 0 before; what is less is cut off."""
    return whole_ms(at - _EPOCH)


def whole_ms(span: timedelta) -> int:
    """Return the milliseconds of a span of time."""
    return span // timedelta(milliseconds=1)


def from_unix_ms(unix_ms: int) -> datetime:
    """Return the time, in UTC."""
    return _EPOCH + timedelta(milliseconds=unix_ms)
