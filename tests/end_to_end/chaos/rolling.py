"""Replicas that come and go as Kubernetes lets them, behind a balancer, with the posts going on.

A pod that ends loses its endpoint and waits (preStop) at the same moment; SIGTERM comes after the wait, and
the endpoint is gone a moment after both began. Open connections go on: the bridge itself has to let
its senders know that they end.
"""

import asyncio
from collections.abc import Mapping

from msgspec import Struct

from tests.end_to_end.chaos.deployment import Deployment
from tests.end_to_end.chaos.ledger import Ledger
from tests.rig.balancer import Balancer

ENDS_WITHIN_S = 20.0
SETTLES_S = 2.0
PROBE_EVERY_S = 0.5


class Ending(Struct, frozen=True, kw_only=True):
    """How a pod ends: how long preStop waits, after how long its endpoint is gone, whether it is killed."""

    wait_s: float = 5.0
    endpoint_goes_s: float = 2.0
    killed: bool = False


AS_THE_CHART = Ending()
WITHOUT_A_WAIT = Ending(wait_s=0.0)
QUICKLY = Ending(wait_s=1.0, endpoint_goes_s=0.5)
KILLED = Ending(wait_s=0.0, endpoint_goes_s=0.5, killed=True)


def new_balancer() -> Balancer:
    """Give one whose probe is a little quicker than Kubernetes' own, so that a scenario takes less long."""
    return Balancer(probe_every_s=PROBE_EVERY_S)


async def roll(deployment: Deployment, ending: Ending, changed: Mapping[str, str] | None = None) -> None:
    """End every replica in turn and begin its next life, on its spool, with settings ``changed``."""
    for bridge in deployment.bridges:
        await renew(deployment, bridge.number, ending, changed)
        await asyncio.sleep(SETTLES_S)


async def renew(
    deployment: Deployment, number: int, ending: Ending, changed: Mapping[str, str] | None = None
) -> None:
    """End one replica, begin its next life, and wait until it is in again."""
    balancer, bridge = _balancer(deployment), deployment.bridges[number]
    await _end(deployment, number, ending)
    await bridge.start(changed)
    bridge.listens_again()
    await balancer.rejoin(number)
    await balancer.wait_until_in(len(deployment.bridges))
    bridge.is_listed = True
    deployment.notes.append(f"replica {number} is in again")


async def scale_up(deployment: Deployment, more: int) -> None:
    """Start more replicas, and wait until they are in."""
    for _ in range(more):
        await deployment.add()
    await _balancer(deployment).wait_until_in(len(deployment.bridges))
    for bridge in deployment.bridges:
        bridge.is_listed = True
    deployment.notes.append(f"{len(deployment.bridges)} replicas are in")


async def scale_down(deployment: Deployment, fewer: int, ending: Ending) -> None:
    """End the last replicas, all at once, for good."""
    leaving = deployment.bridges[-fewer:]
    await asyncio.gather(*(_end(deployment, bridge.number, ending) for bridge in leaving))
    deployment.bridges = deployment.bridges[:-fewer]
    deployment.notes.append(f"{len(deployment.bridges)} replicas are left")


def figures(ledger: Ledger) -> dict[str, float]:
    """Sum the posts up. A post failed that was refused, cut, or answered other than well."""
    sends = ledger.sends
    took = max(send.begun for send in sends) - min(send.begun for send in sends)
    return {
        "posts": len(sends),
        "posts a second": len(sends) / took,
        "posts failed": sum(not send.promised for send in sends),
        "posts spooled": sum(send.outcome == "spooled" for send in sends),
    }


async def _end(deployment: Deployment, number: int, ending: Ending) -> None:
    bridge = deployment.bridges[number]
    await _balancer(deployment).leave(number, ending.endpoint_goes_s)
    bridge.is_listed = False
    await asyncio.sleep(ending.wait_s)
    if ending.killed:
        await bridge.kill()
        return
    code, seconds = await bridge.end(ENDS_WITHIN_S + 5)
    if code or seconds > ENDS_WITHIN_S:
        deployment.ledger.problems.append(f"SIGTERM: exit {code} after {seconds:.1f} s")


def _balancer(deployment: Deployment) -> Balancer:
    if deployment.balancer is None:
        raise RuntimeError("this topology has no balancer")
    return deployment.balancer
