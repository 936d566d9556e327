"""Plans of writes: a dry run gives one, and the write needs it. So nothing is written that was not shown."""

import secrets
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from bridge.mcp_server.errors import RefusedActionError

VALID_S = 600.0
_KEPT = 20


class _Plan(Struct, frozen=True):
    action: str
    content: Any
    made_at_s: float


class Plans:
    """The plans of this process. Each is good once, for ten minutes. ``clock_s`` never goes back."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._plans: dict[str, _Plan] = {}

    def add(self, action: str, content: object) -> str:
        """Keep what an action would do; return what asks for it."""
        token = secrets.token_hex(8)
        self._plans[token] = _Plan(action, content, self._clock_s())
        while len(self._plans) > _KEPT:
            del self._plans[next(iter(self._plans))]
        return token

    def take(self, action: str, token: str) -> Any:  # noqa: ANN401 - what was kept
        """Return what was kept, and forget it. Raises `RefusedActionError`."""
        plan = self._plans.get(token)
        if plan is None or plan.action != action:
            raise RefusedActionError(
                "there is no such plan: each is good for one call of its own tool. Call without `plan` first",
                "unknown plan",
            )
        del self._plans[token]
        if self._clock_s() - plan.made_at_s > VALID_S:
            raise RefusedActionError(
                f"the plan is older than {VALID_S:.0f} s. Call without `plan` for a new one", "expired plan"
            )
        return plan.content
