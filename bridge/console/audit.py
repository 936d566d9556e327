"""The log of who acts, and of who is refused: no stranger fills it.

Of refusals for one action and reason, five a second are logged; further ones are counted, and logged as one
line when the second is over.
"""

import asyncio
import time
from collections.abc import Callable

import structlog
from msgspec import Struct

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_INTERVAL_S = 1.0
_LINES_MAX = 5


class _Second(Struct):
    """What was refused for one action and reason since ``begun_s``."""

    begun_s: float
    lines: int = 0
    suppressed: int = 0


class AuditLog:
    """Logs actions and refusals, as ``event`` and ``<event>_refused``. ``clock``: seconds, never back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, event: str = "console_action") -> None:
        self._clock = clock
        self._event, self._refused_event = event, f"{event}_refused"
        self._refused: dict[tuple[str, str], _Second] = {}
        self._timer: asyncio.TimerHandle | None = None

    def record(self, action: str, client: str, **fields: str) -> None:
        """Log what is done."""
        log.info(self._event, action=action, client=client, **fields)

    def record_refused(self, action: str, client: str, reason: str, **fields: str) -> None:
        """Log a refusal, or count it. Actions and reasons must be from a fixed set."""
        now_s = self._clock()
        second = self._refused.get((action, reason))
        if second is None or now_s - second.begun_s >= _INTERVAL_S:
            self._log_suppressed(action, reason)
            second = self._refused[action, reason] = _Second(now_s)
        if second.lines < _LINES_MAX:
            second.lines += 1
            log.warning(self._refused_event, action=action, client=client, reason=reason, **fields)
            return
        second.suppressed += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_INTERVAL_S, self.log_suppressed)

    def log_suppressed(self) -> None:
        """Log how many were only counted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for action, reason in self._refused:
            self._log_suppressed(action, reason)

    def _log_suppressed(self, action: str, reason: str) -> None:
        second = self._refused.get((action, reason))
        if second is not None and second.suppressed:
            log.warning(self._refused_event, action=action, reason=reason, suppressed=second.suppressed)
            second.suppressed = 0
