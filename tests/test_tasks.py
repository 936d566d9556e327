"""Work that lives as long as the process is supervised: a bug in it is counted, and it begins again."""

import ast
import asyncio
from collections.abc import Iterable, Iterator, Sequence

import pytest

from bridge.core.claim import Answer, Claim
from bridge.holding import Hold, Holding
from bridge.io.dedup import Limits, Memory
from bridge.io.dedup.breaker import MISSES_TO_OPEN, CircuitBreaker
from bridge.io.dedup.line import Line
from bridge.io.ingress.crowd import Crowd
from bridge.journeys import Journeys
from bridge.links import redis_client
from bridge.running import begin
from bridge.settings.sections import RedisSettings
from bridge.telemetry import Telemetry
from tests.contracts import Clock, asked
from tests.fakes import FakeMemory
from tests.io.doors import opened
from tests.rig.waiting import WITHIN_S, eventually
from tests.test_architecture import SOURCES

# Tasks that `tended` does not begin anew when they fail, each with what makes that right. One that is not
# here and not tended is refused: a loop that ends in silence leaves a bridge that looks well.
SHORT_TASKS = {
    "drain:self._room.wait": "one wait, cancelled by who made it",
    "io.admin.connections:self._open": "one connection; in a failure it is closed",
    "io.confirmer:self._carry": "one group's calls, for at most as long as its handles live",
    "io.dedup.line:self._carry": "one call; whoever waits for it is answered whatever happens in it",
    "io.dedup:self._probe_one": "one call; the probe waits for it",
    "io.ingress.handshake:handshake.run": "one handshake, within its time-out",
    "io.poller:self._take": "one batch; what is not confirmed is pulled again",
    "io.publisher.broker_health:client.send": "one question, within its time-out",
    "io.publisher.producers:producer.client.close": "within its time-out",
    "io.publisher.producers:producer.stop": "within its time-out",
    "io.spool.commits:self._work": "until nothing waits; the next record begins another",
    "consumer.dead_letters:producer.stop": "within its time-out",
    "consumer.member:self._consumer.stop": "within its time-out",
    "consumer.member:wait": "one wait, cancelled by who made it",
}
# These are endless, and somebody else takes their failure.
WATCHED_TASKS = {
    "reasons.watch:self._watch": "in a group, whose owner is tended",
    "consumer.crew:self._work": "a failure is the subscription's, which raises it",
    "consumer.member:self._keep_committing": "a failure is the subscription's, which raises it",
    "consumer.member:self._keep_telling": "catches all that the user's function raises",
}
# Commands, and what is a process of its own beside one.
ENDING_WITH_THEIR_TASKS = frozenset({"cli", "embedded_relay"})
TASK_MAKERS = frozenset({"create_task", "ensure_future", "Task"})


def _tasks(tree: ast.AST) -> Iterator[str]:
    """Name the function that does the work of each task that a file makes, but for those that are tended."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        made_by = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        work = node.args[0]
        function = work.func if isinstance(work, ast.Call) else work
        if isinstance(work, ast.Set | ast.List) or made_by not in TASK_MAKERS:
            continue
        if ast.unparse(function) != "tended":
            yield ast.unparse(function)


def _is_endless(tree: ast.AST, function: str) -> bool:
    return any(
        isinstance(loop, ast.While) and isinstance(loop.test, ast.Constant)
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and node.name == function.rpartition(".")[2]
        for loop in ast.walk(node)
    )


def test_work_that_lives_as_long_as_the_process_is_tended() -> None:
    made = {
        f"{module}:{function}": _is_endless(tree, function)
        for module, tree in SOURCES.items()
        if module.split(".")[0] not in ENDING_WITH_THEIR_TASKS
        for function in _tasks(tree)
    }
    unknown = made.keys() - SHORT_TASKS.keys() - WATCHED_TASKS.keys()
    assert not unknown, f"tend these (bridge/tending.py), or say in SHORT_TASKS why not: {sorted(unknown)}"
    assert SHORT_TASKS.keys() | WATCHED_TASKS.keys() == made.keys(), "a row without its task"
    assert not [task for task in SHORT_TASKS if made[task]], "an endless loop is no short task"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("asyncio.create_task(self._probe())", ["self._probe"]),
        ("loop.create_task(tended(self._probe, telemetry))", []),
        ("links = tended(run, t)\nasyncio.ensure_future(links)", ["links"]),
        ("[asyncio.create_task(tended(one, t)) for one in work]", []),
    ],
)
def test_a_task_that_is_not_tended_is_seen(source: str, found: list[str]) -> None:
    assert list(_tasks(ast.parse(source))) == found


def _bugs(telemetry: Telemetry) -> float:
    return telemetry.registry.get_sample_value("bridge_internal_errors_total") or 0


class _Stumbles:
    """Fails once, then never again."""

    def __init__(self) -> None:
        self.has_failed = False

    def stumble(self) -> None:
        failed, self.has_failed = self.has_failed, True
        if not failed:
            raise ZeroDivisionError


async def test_claims_are_renewed_again_after_a_bug_in_it() -> None:
    bug = _Stumbles()

    class Store(FakeMemory):
        async def renew(self, claims: Iterable[Claim]) -> None:
            bug.stumble()
            await super().renew(claims)

    store, telemetry, rule = Store(Clock()), Telemetry(), Holding(renew_s=0.01)
    journeys = Journeys[None](store, Hold(rule, telemetry), rule, telemetry, lambda _: None)
    journeys.start()
    await begin(journeys.claim(asked(), 1e9, 1))
    await eventually(lambda: store.renewed, "the claim is renewed")
    assert _bugs(telemetry) == 1
    await journeys.stop(0)


async def test_redis_is_probed_again_after_a_bug_in_it() -> None:
    bug = _Stumbles()

    class Store(Memory):
        async def _probe_all(self, lines: Sequence[Line]) -> None:
            bug.stumble()
            await super()._probe_all(lines)

    telemetry = Telemetry()
    nobody = redis_client(RedisSettings(url="redis://127.0.0.1:1/0"), 2)
    store = Store(nobody, telemetry, Clock(), Limits(probe_s=0.05), ["shop"])
    store.start()
    await eventually(lambda: store.unavailable, "the probe finds nobody there")
    assert _bugs(telemetry) == 1
    await store.stop()


async def test_a_bug_in_what_is_told_of_a_call_does_not_keep_those_who_wait_for_it() -> None:
    class Store(Memory):
        def _breaker_changed(self, breaker: CircuitBreaker) -> None:
            super()._breaker_changed(breaker)
            raise ZeroDivisionError

    store = Store(redis_client(RedisSettings(url="redis://127.0.0.1:1/0"), 2), Telemetry(), Clock(), Limits())
    asyncio.get_running_loop().set_exception_handler(lambda _, __: None)
    for number in range(MISSES_TO_OPEN + 2):
        async with asyncio.timeout(WITHIN_S):
            assert (await store.claim(asked(f"Type:t{number}"))).answer is Answer.AWAY
    await store.stop()


async def test_slow_senders_are_cut_again_after_a_bug_in_it() -> None:
    bug = _Stumbles()

    class Connections(Crowd):
        def cut_slow(self, now: float) -> None:
            bug.stumble()
            super().cut_slow(now)

    async with opened() as door:
        door.ingress.crowd = Connections(10, 10, 30)
        client = await door.knock()
        client.send(b"POST /call")
        await eventually(door.arriving, "its first bytes are here")
        door.seconds = 11
        assert await client.ended()
        assert _bugs(door.telemetry) == 1
