"""Lists the vendor's finished tasks, slowly: others share the account's 100 calls a second."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from bridge.io.vod.api import FinishedTask, VodApi
from bridge.io.vod.errors import ApiError

_CALL_INTERVAL_S = 0.1
_RATE_LIMITED = "RequestLimitExceeded"
_RATE_LIMIT_PAUSE_S = 1.0
_RATE_LIMIT_MAX_ATTEMPTS = 30

T = TypeVar("T")


class FinishedTasks:
    """One application's finished tasks. ``on_response`` is called after each successful call."""

    def __init__(self, api: VodApi, on_response: Callable[[], None]) -> None:
        self._api = api
        self._on_response = on_response
        self._next_at = 0.0

    async def list_finished(self, since: datetime, until: datetime) -> dict[str, FinishedTask]:
        """List those that finished from ``since`` to ``until``, the oldest first, by id."""
        found: dict[str, FinishedTask] = {}
        after, scroll = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), ""
        while True:
            page = await self._call(partial(self._api.finished_tasks, after, scroll))
            within = [task for task in page.tasks if _has_finished_by(task, until)]
            found |= {task.task_id: task for task in within}
            scroll = page.scroll
            if not scroll or not page.tasks or len(within) < len(page.tasks):
                return found

    async def fetch_detail(self, task_id: str) -> bytes:
        """Fetch the details of a task."""
        return await self._call(partial(self._api.task_detail, task_id))

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call the API; wait and retry on a rate limit."""
        clock, rejections = asyncio.get_running_loop().time, 0
        while True:
            await asyncio.sleep(max(0.0, self._next_at - clock()))
            self._next_at = clock() + _CALL_INTERVAL_S
            try:
                response = await call()
            except ApiError as api_error:
                rejections += 1
                if not api_error.code.startswith(_RATE_LIMITED) or rejections == _RATE_LIMIT_MAX_ATTEMPTS:
                    raise
                self._next_at = clock() + _RATE_LIMIT_PAUSE_S
            else:
                self._on_response()
                return response


def _has_finished_by(task: FinishedTask, until: datetime) -> bool:
    try:
        finished = datetime.fromisoformat(task.finish_time)
    except ValueError:  # not comparable: better audited than left out
        return True
    return (finished if finished.tzinfo else finished.replace(tzinfo=UTC)) <= until
