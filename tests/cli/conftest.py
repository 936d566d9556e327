"""What the tests of the commands share."""

import pytest

from tests.cli.replay_harness import ReplayHarness
from tests.end_to_end.environment import Environment


@pytest.fixture
def harness(environment: Environment) -> ReplayHarness:
    """Give the topics of one test, and an empty Redis."""
    return ReplayHarness(environment)
