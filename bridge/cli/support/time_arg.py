"""Times and durations as arguments: an age, or a date with a time."""

import re
from datetime import UTC, datetime, timedelta

from bridge.cli.support.exit import EXIT_USAGE, fail
from bridge.core.unix_time import unix_ms, whole_ms

_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_time(option: str, text: str, now_ms: int) -> int:
    """Parse ``2h``, ``30m`` (before now) or RFC 3339 (UTC without a zone) as unix milliseconds.

    Anything else ends the command.
    """
    try:
        if match := _DURATION.fullmatch(text):
            return max(0, now_ms - whole_ms(timedelta(**{_UNITS[match[2]]: int(match[1])})))
        time = datetime.fromisoformat(text)
        found = unix_ms(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        found = -1
    if found < 0:
        fail(f"{option} {text}: must be like 2h, 30m, 3d, or a time like 2026-11-21T12:30:00Z", EXIT_USAGE)
    return found


def parse_duration(option: str, text: str) -> timedelta:
    """Parse ``24h``, ``90m``. Anything else ends the command."""
    found = _DURATION.fullmatch(text)
    if found is None:
        fail(f"{option} {text}: must be a number and one of s, m, h, d, like 24h or 90m", EXIT_USAGE)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def parse_duration_ms(option: str, text: str) -> int:
    """Parse ``7d``, ``12h``, ``30m``, or ``unlimited`` (-1, as in Kafka) as milliseconds.

    Anything else ends the command.
    """
    found = _DURATION.fullmatch(text)
    if text == "unlimited":
        return -1
    if found is None or int(found[1]) == 0:
        fail(f"{option} {text}: must be like 7d, 12h, 30m, or unlimited", EXIT_USAGE)
    return whole_ms(timedelta(**{_UNITS[found[2]]: int(found[1])}))
