"""The bridge's pods as they come, end and come again: noted in the ledger as it is seen."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from math import inf
from typing import Any

import aiohttp
from msgspec import Struct
from msgspec.structs import replace

from tests.end_to_end.chaos.ledger import Cause, Ledger, Mark
from tests.end_to_end.chaos.metrics_sample import MetricsSample, parse_metrics
from tests.kube.cluster import Cluster
from tests.kube.watch import follow
from tests.rig.waiting import ConditionTimeoutError, eventually

PODS = "/api/v1/namespaces/default/pods?labelSelector=app.kubernetes.io/component%3Dbridge"
SLICES = (
    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name%3D"
)
LOOK_EVERY_S = 0.5
LOOKS_WITHIN_S = 2.0
CALLBACK_PORT, ADMIN_PORT = 8080, 9090
_ENDS = (Cause.KILLED, Cause.ENDED)


class Member(Struct, kw_only=True):
    """One pod by its number: what the API server and its own metrics say of it."""

    pod: dict[str, Any]
    restarts: int = 0
    ready: bool = False
    ending: bool = False
    look: MetricsSample = MetricsSample()
    opened: float = inf  # when its breaker was first seen open, while it is

    @property
    def address(self) -> str:
        """Its address; none as long as it has none."""
        return str(self.pod["status"].get("podIP", ""))


class Pods:
    """All pods of the release, by number. ``service`` is the one whose ready endpoints take notifications."""

    def __init__(self, cluster: Cluster, service: str, ledger: Ledger) -> None:
        self.members: dict[int, Member] = {}
        self._cluster = cluster
        self._service = service
        self._ledger = ledger
        self._slices: dict[str, list[tuple[int, str]]] = {}
        self._killed = 0
        self._restarts = 0

    @property
    def spooled(self) -> int:
        """How many records wait in the spools of pods that live."""
        return sum(member.look.spooled for member in self.members.values())

    def ready(self) -> list[tuple[int, str]]:
        """Give the number and the address of each pod that may be sent something."""
        return [endpoint for endpoints in self._slices.values() for endpoint in endpoints]

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Follow them while this is open."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(follow(self._cluster, PODS, self.see_pod))
            await stack.enter_async_context(
                follow(self._cluster, SLICES + self._service, self.update_endpoints)
            )
            looking = asyncio.create_task(self._look())
            try:
                yield
            finally:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)
        now = time.time()
        self._ledger.marks = [
            replace(mark, ended=now) if mark.ended == inf else mark for mark in self._ledger.marks
        ]

    def expect_kill(self, number: int) -> None:
        """Note that a pod's program is killed now."""
        now = time.time()
        self._killed += 1
        self._ledger.marks.append(Mark(cause=Cause.KILLED, begun=now, replica=number, held_until=now))

    def update_endpoints(self, what: str, found: dict[str, Any]) -> None:
        """Take what the API server reports of an EndpointSlice."""
        endpoints = [
            (_number(end["targetRef"]["name"]), f"{end['addresses'][0]}:{CALLBACK_PORT}")
            for end in found.get("endpoints") or []
            if end["conditions"].get("ready")
        ]
        self._slices[found["metadata"]["name"]] = [] if what == "DELETED" else endpoints

    def see_pod(self, what: str, pod: dict[str, Any]) -> None:
        """Take what it reports of a pod."""
        number, now = _number(pod["metadata"]["name"]), time.time()
        member = self.members.get(number)
        if member is None or member.pod["metadata"]["uid"] != pod["metadata"]["uid"]:
            member = self.members[number] = Member(pod=pod, restarts=_restarts(pod))
        member.pod = pod
        if "deletionTimestamp" in pod["metadata"] and not member.ending:
            member.ending = True
            self._ledger.marks.append(Mark(cause=Cause.ENDED, begun=now, replica=number))
        if what == "DELETED":
            # With Kafka down the producer holds nothing that came after its breaker opened.
            self._amend(number, held_until=min(member.opened, now))
            del self.members[number]
            return
        conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
        was, member.ready = member.ready, conditions.get("Ready") == "True"
        # Of a killed one the cluster says for a moment that it is ready still.
        if member.ready and not (was or member.ending):
            self._amend(number, ended=now)
        self._count_restarts(member)

    async def until_stable(self, replicas: int, within_s: float) -> None:
        """Wait until so many are ready, and none keeps anything back."""

        def quiet() -> bool:
            members = self.members.values()
            well = all(member.ready and member.look.is_idle for member in members)
            return len(members) == len(self.ready()) == replicas and well

        try:
            await eventually(quiet, f"{replicas} pods are stable", within_s=within_s, every_s=0.5)
        except ConditionTimeoutError as late:
            looks = {number: member.look for number, member in self.members.items()}
            raise ConditionTimeoutError(f"{late}: {looks}") from None

    def _count_restarts(self, member: Member) -> None:
        restarts = _restarts(member.pod)
        self._restarts += max(0, restarts - member.restarts)
        member.restarts = max(restarts, member.restarts)
        if self._restarts > self._killed:
            last = member.pod["status"]["containerStatuses"][0].get("lastState")
            self._ledger.problems.append(f"a pod restarted by itself: {last}")
            self._killed = self._restarts

    async def _look(self) -> None:
        """Look at the metrics of all of them, again and again."""
        timeout = aiohttp.ClientTimeout(total=LOOKS_WITHIN_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                looked = [self._look_at(session, *one) for one in list(self.members.items())]
                await asyncio.gather(*looked)
                await asyncio.sleep(LOOK_EVERY_S)

    async def _look_at(self, session: aiohttp.ClientSession, number: int, member: Member) -> None:
        if not member.address:
            return
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with session.get(f"http://{member.address}:{ADMIN_PORT}/metrics") as answer:
                look, now = parse_metrics(await answer.text()), time.time()
            if look.replaced > member.look.replaced:
                begun = min(member.opened, now)
                mark = Mark(cause=Cause.REPLACED, begun=begun, ended=now, replica=number, held_until=begun)
                self._ledger.marks.append(mark)
            if not look.breaker_open:
                member.opened = inf
            elif member.opened == inf:
                member.opened = now
            member.look = look

    def _amend(self, number: int, *, ended: float | None = None, held_until: float | None = None) -> None:
        """Complete the last mark of an end of this pod, where it is open."""
        marks = self._ledger.marks
        for index in range(len(marks) - 1, -1, -1):
            mark = marks[index]
            if mark.replica == number and mark.cause in _ENDS and mark.ended == inf:
                held = mark.held_until if held_until is None else held_until
                marks[index] = replace(mark, ended=inf if ended is None else ended, held_until=held)
                return


def _restarts(pod: dict[str, Any]) -> int:
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))


def _number(pod: str) -> int:
    return int(pod.rpartition("-")[2])
