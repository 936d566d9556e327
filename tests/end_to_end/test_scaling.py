"""1 -> 3 -> 1 processes behind a balancer, the short form: redeliveries to all of them repeat nothing."""

import pytest

from tests.end_to_end.chaos.report import as_text
from tests.end_to_end.chaos.run import IN_CI
from tests.end_to_end.chaos.scenarios import run_scenario
from tests.end_to_end.environment import Environment


@pytest.mark.long
async def test_one_and_three_and_one_again_with_redeliveries_to_all_repeat_nothing(
    timed_environment: Environment,
) -> None:
    found = await run_scenario("scaling", timed_environment, IN_CI)

    assert found.good, as_text("scaling", found)
    assert found.numbers["sent to all at once"]
