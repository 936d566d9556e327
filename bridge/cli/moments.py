"""Times as a person types them: so long ago, or a time of day with its date."""

import re
from datetime import UTC, datetime, timedelta

from bridge.cli.ending import USED_WRONGLY, fail

_AGO = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(option: str, text: str, now_ms: int) -> int:
    """Read ``2h``, ``30m`` (before now) or RFC 3339 (UTC where it names no zone) as unix milliseconds.

    Anything else ends the command.
    """
    try:
        if ago := _AGO.fullmatch(text):
            return max(0, now_ms - _ms(timedelta(**{_UNITS[ago[2]]: int(ago[1])})))
        time = datetime.fromisoformat(text)
        found = _ms((time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH)
    except (ValueError, OverflowError):
        found = -1
    if found < 0:
        fail(f"{option} {text}: must be like 2h, 30m, 3d, or a time like 2026-11-21T12:30:00Z", USED_WRONGLY)
    return found


def duration_ms(option: str, text: str) -> int:
    """Read ``7d``, ``12h``, ``30m``, or ``unlimited`` (-1, as Kafka says it) as milliseconds.

    Anything else ends the command.
    """
    found = _AGO.fullmatch(text)
    if text == "unlimited":
        return -1
    if found is None or int(found[1]) == 0:
        fail(f"{option} {text}: must be like 7d, 12h, 30m, or unlimited", USED_WRONGLY)
    return _ms(timedelta(**{_UNITS[found[2]]: int(found[1])}))


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
