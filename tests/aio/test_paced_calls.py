"""Pauses of a thread between calls that take long."""

import pytest

from bridge.aio.paced_calls import PacedCalls


class Clock:
    """A time that passes when somebody says so, and what was slept."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.slept.append(round(seconds, 6))
        self.now_s += seconds

    def work(self, seconds: float) -> float:
        """Take so long."""
        self.now_s += seconds
        return seconds


@pytest.fixture
def clock() -> Clock:
    """Give a time."""
    return Clock()


@pytest.fixture
def paced(clock: Clock) -> PacedCalls:
    """Give pauses of twice a call, 50 ms at most."""
    return PacedCalls(2, 0.05, lambda: clock.now_s, clock.sleep)


def test_a_call_waits_in_proportion_to_the_last_one_up_to_a_limit(clock: Clock, paced: PacedCalls) -> None:
    assert [paced.call(clock.work, seconds) for seconds in (0.01, 0.5, 0.001)] == [0.01, 0.5, 0.001]
    assert clock.slept == [0.02, 0.05]


def test_a_call_that_comes_later_waits_no_more(clock: Clock, paced: PacedCalls) -> None:
    paced.call(clock.work, 0.01)
    clock.now_s += 0.015
    paced.call(clock.work, 0.01)
    clock.now_s += 0.03
    paced.call(clock.work, 0.01)
    assert clock.slept == [0.005]


def test_a_call_that_fails_is_followed_by_a_pause_as_well(clock: Clock, paced: PacedCalls) -> None:
    def fail() -> None:
        clock.work(0.01)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        paced.call(fail)
    paced.call(clock.work, 0.01)
    assert clock.slept == [0.02]
