"""What is durable is confirmed: in groups, in time, once, and whatever the vendor answers."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge.io.vod.confirmer import MAX_AGE_S, MAX_BATCH, Confirmer, ConfirmLimits, LeaseHandle
from bridge.io.vod.errors import ApiError, TransportError
from bridge.observability.telemetry import Telemetry
from tests.io.queues import FakeEventQueue
from tests.rig.waiting import WITHIN_S, eventually

pytestmark = pytest.mark.asyncio

LIMITS = ConfirmLimits(linger_s=0.001, min_interval_s=0, backoff_s=0.001, max_backoff_s=0.002)


class Parts:
    """A confirmer, its queue, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.queue = FakeEventQueue()
        self.telemetry = Telemetry()
        self.confirmer = Confirmer(self.queue, "shop", self.telemetry, lambda: self.now, LIMITS)

    def mark_durable(self, *numbers: int, age_s: float = 0) -> None:
        """Say that these are durable, pulled so long ago."""
        for number in numbers:
            handle = LeaseHandle(f"h{number}", self.now - age_s)
            self.confirmer.track(handle)
            self.confirmer.confirm(handle)

    def count_of(self, outcome: str) -> float:
        """Tell how many ended so."""
        labels = {"app": "shop", "outcome": outcome}
        return self.telemetry.registry.get_sample_value("vod_bridge_pull_confirms_total", labels) or 0

    async def wait_until_ended(self, count: int) -> None:
        """Wait until so many ended."""
        outcomes = ("confirmed", "expired", "rejected", "not_durable")
        await eventually(lambda: sum(map(self.count_of, outcomes)) == count, f"{count} end")


@pytest.fixture
async def parts() -> AsyncIterator[Parts]:
    """Give the parts, at work."""
    given = Parts()
    given.confirmer.start()
    yield given
    await given.confirmer.stop(1)


async def test_what_is_durable_is_confirmed_in_groups_of_at_most_16(parts: Parts) -> None:
    parts.mark_durable(*range(100))
    await parts.wait_until_ended(100)
    assert sorted(parts.queue.confirmed) == sorted(f"h{n}" for n in range(100))
    assert max(map(len, parts.queue.groups)) == MAX_BATCH
    assert len(parts.queue.groups) == 7


async def test_what_is_too_old_is_dropped_and_counted(parts: Parts) -> None:
    parts.mark_durable(1, age_s=MAX_AGE_S)
    parts.mark_durable(2, age_s=MAX_AGE_S - 0.1)
    await parts.wait_until_ended(2)
    assert parts.queue.groups == [["h2"]]
    assert parts.count_of("expired") == 1


async def test_a_refused_group_is_confirmed_one_by_one(parts: Parts) -> None:
    parts.queue.void_handles = {"h2"}
    parts.mark_durable(1, 2, 3)
    await parts.wait_until_ended(3)
    assert parts.queue.groups == [["h1", "h2", "h3"], ["h1"], ["h2"], ["h3"]]
    assert (parts.queue.confirmed, parts.count_of("rejected")) == (["h1", "h3"], 1)


async def test_after_a_lost_response_a_void_handle_means_that_it_is_confirmed(parts: Parts) -> None:
    parts.queue.lost_responses = 1
    parts.mark_durable(1, 2)
    await parts.wait_until_ended(2)
    assert parts.queue.groups == [["h1", "h2"], ["h1", "h2"], ["h1"], ["h2"]]
    assert parts.count_of("confirmed") == 2


@pytest.mark.parametrize("trouble", [ApiError("RequestLimitExceeded", "slowly"), TransportError("no answer")])
async def test_a_transient_error_is_retried_until_the_handles_expire(
    parts: Parts, trouble: ApiError | TransportError
) -> None:
    parts.queue.confirm_errors = [trouble] * 3
    parts.mark_durable(1, 2)
    await parts.wait_until_ended(2)
    assert parts.queue.confirmed == ["h1", "h2"]

    parts.queue.confirm_errors = [trouble] * 1_000_000
    parts.mark_durable(3)
    await eventually(lambda: len(parts.queue.groups) > 6, "it is tried again")
    parts.now += MAX_AGE_S
    await parts.wait_until_ended(3)
    assert parts.count_of("expired") == 1


async def test_a_call_ends_before_the_oldest_of_its_handles_expires_whatever_their_order(
    parts: Parts,
) -> None:
    parts.queue.unanswered_calls = 1
    parts.mark_durable(1)
    parts.mark_durable(2, age_s=MAX_AGE_S - 0.1)
    await eventually(lambda: len(parts.queue.groups) == 2, "it is given up", within_s=MAX_AGE_S / 2)
    await parts.wait_until_ended(2)
    assert parts.queue.groups == [["h1", "h2"], ["h1", "h2"]]


async def test_what_is_not_durable_is_left_to_the_vendor(parts: Parts) -> None:
    handle = LeaseHandle("h1", parts.now)
    parts.confirmer.track(handle)
    parts.confirmer.abandon(handle)
    parts.mark_durable(2)
    nameless = LeaseHandle("", parts.now)
    parts.confirmer.track(nameless)
    parts.confirmer.confirm(nameless)
    await parts.wait_until_ended(3)
    assert parts.queue.confirmed == ["h2"]


async def test_the_oldest_unconfirmed_ones_age_is_shown(parts: Parts) -> None:
    parts.confirmer.track(LeaseHandle("h1", parts.now - 7))
    labels = {"app": "shop"}
    name = "vod_bridge_pull_oldest_unconfirmed_seconds"
    assert parts.telemetry.registry.get_sample_value(name, labels) == 7
    assert Telemetry().registry.get_sample_value(name, labels) is None


async def test_a_stop_confirms_what_is_durable() -> None:
    parts = Parts()
    parts.mark_durable(*range(20))
    await parts.confirmer.stop(5)
    assert len(parts.queue.confirmed) == 20
    unreachable = Parts()
    unreachable.queue.confirm_errors = [TransportError("no answer")] * 1_000_000
    unreachable.mark_durable(1)
    await asyncio.wait_for(unreachable.confirmer.stop(0.05), WITHIN_S)
    assert unreachable.queue.confirmed == []


async def test_lasting_refusals_are_logged_once_and_reported_as_failing() -> None:
    parts = Parts()
    parts.confirmer.start()
    parts.queue.confirm_errors = [ApiError("UnauthorizedOperation", "no ConfirmEvents")] * 1_000_000
    parts.mark_durable(*range(5))
    await eventually(lambda: parts.confirmer.failing, "it is known")
    parts.queue.confirm_errors.clear()
    await parts.wait_until_ended(5)
    assert not parts.confirmer.failing
    assert sorted(parts.queue.confirmed) == ["h0", "h1", "h2", "h3", "h4"]
    await parts.confirmer.stop(1)


async def test_a_full_queue_of_calls_is_reported_as_saturated() -> None:
    parts = Parts()
    parts.queue.confirm_errors = [TransportError("no answer")] * 1_000_000
    parts.confirmer.start()
    parts.mark_durable(*range(MAX_BATCH * LIMITS.max_queued))
    await eventually(lambda: parts.confirmer.saturated, "it says so")
    await parts.confirmer.stop(0.01)
