"""What is noted of pods, as the API server reports them."""

from math import inf
from pathlib import Path
from typing import Any

from tests.end_to_end.chaos.ledger import Cause, Ledger
from tests.kube.cluster import Cluster
from tests.kube.pods import Pods


def pod(*, ready: bool, restarts: int = 0, ending: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "bridge-1", "uid": "u"}
    if ending:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    status = {
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "containerStatuses": [{"restartCount": restarts}],
    }
    return {"metadata": metadata, "status": status}


def pods(folder: Path) -> tuple[Pods, Ledger]:
    ledger = Ledger()
    return Pods(Cluster(folder), "bridge", ledger), ledger


def test_a_kill_lasts_until_the_pod_is_ready_again(tmp_path: Path) -> None:
    seen, ledger = pods(tmp_path)
    seen.see_pod("ADDED", pod(ready=True))
    seen.expect_kill(1)
    seen.see_pod("MODIFIED", pod(ready=True))  # nobody has noticed yet
    assert [(mark.cause, mark.ended) for mark in ledger.marks] == [(Cause.KILLED, inf)]
    seen.see_pod("MODIFIED", pod(ready=False, restarts=1))
    seen.see_pod("MODIFIED", pod(ready=True, restarts=1))
    assert ledger.marks[0].ended < inf
    assert not ledger.problems


def test_a_pod_that_ends_may_hold_until_it_is_gone(tmp_path: Path) -> None:
    seen, ledger = pods(tmp_path)
    seen.see_pod("ADDED", pod(ready=True))
    seen.see_pod("MODIFIED", pod(ready=True, ending=True))
    assert [(mark.cause, mark.held_until) for mark in ledger.marks] == [(Cause.ENDED, -inf)]
    seen.see_pod("DELETED", pod(ready=False, ending=True))
    assert ledger.marks[0].held_until >= ledger.marks[0].begun
    assert not seen.members


def test_a_restart_that_nobody_caused_is_complained_of(tmp_path: Path) -> None:
    seen, ledger = pods(tmp_path)
    seen.see_pod("ADDED", pod(ready=True, restarts=1))  # of before
    assert not ledger.problems
    seen.see_pod("MODIFIED", pod(ready=False, restarts=2))
    assert len(ledger.problems) == 1


def test_only_ready_endpoints_are_sent_something(tmp_path: Path) -> None:
    seen, _ledger = pods(tmp_path)
    ends = [
        {"addresses": [f"10.99.0.{n}"], "conditions": {"ready": n == 2}, "targetRef": {"name": f"bridge-{n}"}}
        for n in (1, 2)
    ]
    found = {"metadata": {"name": "s"}, "endpoints": ends}
    seen.update_endpoints("ADDED", found)
    assert seen.ready() == [(2, "10.99.0.2:8080")]
    seen.update_endpoints("DELETED", found)
    assert seen.ready() == []
