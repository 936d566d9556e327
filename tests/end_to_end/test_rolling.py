"""A rolling restart behind a balancer, the short form: no post fails, nothing is lost, nothing repeats."""

from pathlib import Path

import pytest

from tests.end_to_end.chaos.audit import FindingKind
from tests.end_to_end.chaos.deployment import Deployment
from tests.end_to_end.chaos.report import as_text
from tests.end_to_end.chaos.rolling import KILLED, renew
from tests.end_to_end.chaos.run import IN_CI, Run
from tests.end_to_end.chaos.scenarios import run_scenario
from tests.end_to_end.environment import Environment
from tests.rig.waiting import eventually

ROUNDS = 12


@pytest.mark.long
async def test_two_that_are_restarted_in_turn_fail_no_post_and_repeat_nothing(
    timed_environment: Environment,
) -> None:
    found = await run_scenario("rolling", timed_environment, IN_CI)

    assert found.good, as_text("rolling", found)
    assert found.numbers["posts"] > IN_CI.load.per_s


@pytest.mark.long
async def test_posts_that_fail_are_seen_to_where_a_pod_is_killed_instead(
    timed_environment: Environment, tmp_path: Path
) -> None:
    run = Run(timed_environment, IN_CI, tmp_path)
    async with run.deployed("two balanced"):
        for _ in range(ROUNDS):
            await renew(run.deployment, await _with_most_connections(run.deployment), KILLED)
            if not all(send.status for send in run.deployment.ledger.sends):
                break  # few connections are open, so that by chance all new ones lead to the other
    run.expect_all_posts()
    found = await run.conclude()

    assert found.numbers["posts failed"]
    assert "no post failed" in found.missed
    assert found.verdict.count(FindingKind.WRONG) == found.numbers["posts failed"]
    assert not found.verdict.count(FindingKind.LOST)


async def _with_most_connections(stage: Deployment) -> int:
    """Choose the replica that most posts go to: soon answered, they need few connections."""
    balancer = stage.balancer
    assert balancer is not None

    async def alive() -> list[int]:
        return [backend.open_connections for backend in await balancer.backends()]

    async def some() -> bool:
        return any(await alive())

    await eventually(some, "connections lead to a replica")
    counts = await alive()
    return counts.index(max(counts))
