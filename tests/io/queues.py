"""A queue at the vendor as a test likes it: what is pulled, what is confirmed, and what goes wrong."""

import asyncio
from collections.abc import Sequence

from bridge.io.vod.errors import ApiError, TransportError
from bridge.io.vod.event_queue import PulledEvent

CallError = ApiError | TransportError


class FakeEventQueue:
    """Gives the ``batches`` one after the other, then nothing.

    ``pull_errors`` and ``confirm_errors`` happen first. ``void_handles`` are refused with their whole group;
    ``lost_responses`` counts confirmations that are done without an answer, ``unanswered_calls`` those that
    are neither done nor answered. While ``answers_pulls`` is cleared, pulls wait.
    """

    def __init__(self, *batches: Sequence[PulledEvent]) -> None:
        self.batches = list(batches)
        self.pulls = 0
        self.waiting_pulls = 0
        self.answers_pulls = asyncio.Event()
        self.answers_pulls.set()
        self.pull_errors: list[CallError] = []
        self.groups: list[list[str]] = []
        self.confirmed: list[str] = []
        self.confirm_errors: list[CallError] = []
        self.void_handles: set[str] = set()
        self.lost_responses = 0
        self.unanswered_calls = 0

    async def pull(self) -> list[PulledEvent]:
        """Give the next batch, once pulls are answered."""
        await asyncio.sleep(0)
        self.waiting_pulls += 1
        await self.answers_pulls.wait()
        self.waiting_pulls -= 1
        self.pulls += 1
        if self.pull_errors:
            raise self.pull_errors.pop(0)
        return list(self.batches.pop(0)) if self.batches else []

    async def confirm(self, handles: Sequence[str]) -> None:
        """Confirm all or none."""
        await asyncio.sleep(0)
        self.groups.append(list(handles))
        if self.unanswered_calls:
            self.unanswered_calls -= 1
            await asyncio.get_running_loop().create_future()
        if self.confirm_errors:
            raise self.confirm_errors.pop(0)
        if self.void_handles & set(handles) or set(self.confirmed) & set(handles):
            raise ApiError("InvalidParameterValue", "a handle is void")
        self.confirmed += handles
        if self.lost_responses:
            self.lost_responses -= 1
            raise TransportError("the answer was lost")


def make_batch(*numbers: int) -> list[PulledEvent]:
    """Make a batch."""
    return [PulledEvent(handle=f"h{number}", body=b'{"n":%d}' % number) for number in numbers]
