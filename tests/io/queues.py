"""A queue at the vendor as a test likes it: what is pulled, what is confirmed, and what goes wrong."""

import asyncio
from collections.abc import Sequence

from bridge.io.vod_api import Pulled, Refused, Unreachable

Trouble = Refused | Unreachable


class FakeQueue:
    """Gives the ``batches`` one after the other, then nothing; ``troubles`` happen first.

    ``void`` handles are refused with their whole group; ``lost`` counts confirmations that are done without
    an answer.
    """

    def __init__(self, *batches: Sequence[Pulled]) -> None:
        self.batches = list(batches)
        self.pulls = 0
        self.pull_troubles: list[Trouble] = []
        self.groups: list[list[str]] = []
        self.confirmed: list[str] = []
        self.confirm_troubles: list[Trouble] = []
        self.void: set[str] = set()
        self.lost = 0

    async def pull(self) -> list[Pulled]:
        """Give the next batch."""
        await asyncio.sleep(0)
        self.pulls += 1
        if self.pull_troubles:
            raise self.pull_troubles.pop(0)
        return list(self.batches.pop(0)) if self.batches else []

    async def confirm(self, handles: Sequence[str]) -> None:
        """Confirm all or none."""
        await asyncio.sleep(0)
        self.groups.append(list(handles))
        if self.confirm_troubles:
            raise self.confirm_troubles.pop(0)
        if self.void & set(handles) or set(self.confirmed) & set(handles):
            raise Refused("InvalidParameterValue", "a handle is void")
        self.confirmed += handles
        if self.lost:
            self.lost -= 1
            raise Unreachable("the answer was lost")


def pulled(*numbers: int) -> list[Pulled]:
    """Make a batch."""
    return [Pulled(handle=f"h{number}", body=b'{"n":%d}' % number) for number in numbers]
