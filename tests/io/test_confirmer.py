"""What is durable is confirmed: in groups, in time, once, and whatever the vendor answers."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge.io.confirmer import GROUP, OLDEST_S, Confirmer, Handle, Pace
from bridge.io.vod_api import Refused, Unreachable
from bridge.telemetry import Telemetry
from tests.io.queues import FakeQueue
from tests.rig.waiting import WITHIN_S, eventually

pytestmark = pytest.mark.asyncio

PACE = Pace(gather=0.001, spacing=0, retry=0.001, retry_max=0.002)


class Parts:
    """A confirmer, its queue, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.queue = FakeQueue()
        self.telemetry = Telemetry()
        self.confirmer = Confirmer(self.queue, "shop", self.telemetry, lambda: self.now, PACE)

    def done(self, *numbers: int, age: float = 0) -> None:
        """Say that these are durable, pulled so long ago."""
        for number in numbers:
            handle = Handle(f"h{number}", self.now - age)
            self.confirmer.expect(handle)
            self.confirmer.confirm(handle)

    def counted(self, outcome: str) -> float:
        """Tell how many ended so."""
        labels = {"app": "shop", "outcome": outcome}
        return self.telemetry.registry.get_sample_value("bridge_pull_confirms_total", labels) or 0

    async def all_end(self, many: int) -> None:
        """Wait until so many ended."""
        outcomes = ("confirmed", "late", "refused", "kept_back")
        await eventually(lambda: sum(map(self.counted, outcomes)) == many, f"{many} end")


@pytest.fixture
async def parts() -> AsyncIterator[Parts]:
    """Give the parts, at work."""
    given = Parts()
    given.confirmer.start()
    yield given
    await given.confirmer.stop(1)


async def test_what_is_durable_is_confirmed_in_groups_of_at_most_16(parts: Parts) -> None:
    parts.done(*range(100))
    await parts.all_end(100)
    assert sorted(parts.queue.confirmed) == sorted(f"h{n}" for n in range(100))
    assert max(map(len, parts.queue.groups)) == GROUP
    assert len(parts.queue.groups) == 7


async def test_what_is_too_old_is_dropped_and_counted(parts: Parts) -> None:
    parts.done(1, age=OLDEST_S)
    parts.done(2, age=OLDEST_S - 0.1)
    await parts.all_end(2)
    assert parts.queue.groups == [["h2"]]
    assert parts.counted("late") == 1


async def test_a_refused_group_is_confirmed_one_by_one(parts: Parts) -> None:
    parts.queue.void = {"h2"}
    parts.done(1, 2, 3)
    await parts.all_end(3)
    assert parts.queue.groups == [["h1", "h2", "h3"], ["h1"], ["h2"], ["h3"]]
    assert (parts.queue.confirmed, parts.counted("refused")) == (["h1", "h3"], 1)


async def test_after_a_lost_answer_a_void_handle_means_that_it_is_done(parts: Parts) -> None:
    parts.queue.lost = 1
    parts.done(1, 2)
    await parts.all_end(2)
    assert parts.queue.groups == [["h1", "h2"], ["h1", "h2"], ["h1"], ["h2"]]
    assert parts.counted("confirmed") == 2


@pytest.mark.parametrize("trouble", [Refused("RequestLimitExceeded", "slowly"), Unreachable("no answer")])
async def test_a_trouble_of_the_moment_is_tried_again_while_the_handles_are_young(
    parts: Parts, trouble: Refused | Unreachable
) -> None:
    parts.queue.confirm_troubles = [trouble] * 3
    parts.done(1, 2)
    await parts.all_end(2)
    assert parts.queue.confirmed == ["h1", "h2"]

    parts.queue.confirm_troubles = [trouble] * 1_000_000
    parts.done(3)
    await eventually(lambda: len(parts.queue.groups) > 6, "it is tried again")
    parts.now += OLDEST_S
    await parts.all_end(3)
    assert parts.counted("late") == 1


async def test_what_is_not_durable_is_left_to_the_vendor(parts: Parts) -> None:
    handle = Handle("h1", parts.now)
    parts.confirmer.expect(handle)
    parts.confirmer.keep_back(handle)
    parts.done(2)
    nameless = Handle("", parts.now)
    parts.confirmer.expect(nameless)
    parts.confirmer.confirm(nameless)
    await parts.all_end(3)
    assert parts.queue.confirmed == ["h2"]


async def test_the_oldest_unconfirmed_ones_age_is_shown(parts: Parts) -> None:
    parts.confirmer.expect(Handle("h1", parts.now - 7))
    labels = {"app": "shop"}
    name = "bridge_pull_oldest_unconfirmed_seconds"
    assert parts.telemetry.registry.get_sample_value(name, labels) == 7
    assert Telemetry().registry.get_sample_value(name, labels) is None


async def test_a_stop_confirms_what_is_durable() -> None:
    parts = Parts()
    parts.done(*range(20))
    await parts.confirmer.stop(5)
    assert len(parts.queue.confirmed) == 20
    stuck = Parts()
    stuck.queue.confirm_troubles = [Unreachable("no answer")] * 1_000_000
    stuck.done(1)
    await asyncio.wait_for(stuck.confirmer.stop(0.05), WITHIN_S)
    assert stuck.queue.confirmed == []


async def test_refusals_that_last_are_told_once_and_known() -> None:
    parts = Parts()
    parts.confirmer.start()
    parts.queue.confirm_troubles = [Refused("UnauthorizedOperation", "no ConfirmEvents")] * 20
    parts.done(*range(5))
    await eventually(lambda: parts.confirmer.failing, "it is known")
    await parts.all_end(5)
    assert not parts.confirmer.failing
    assert sorted(parts.queue.confirmed) == ["h0", "h1", "h2", "h3", "h4"]
    await parts.confirmer.stop(1)


async def test_so_much_may_wait_before_it_says_that_it_is_crowded() -> None:
    parts = Parts()
    parts.queue.confirm_troubles = [Unreachable("no answer")] * 1_000_000
    parts.confirmer.start()
    parts.done(*range(GROUP * PACE.queue))
    await eventually(lambda: parts.confirmer.crowded, "it says so")
    await parts.confirmer.stop(0.01)
