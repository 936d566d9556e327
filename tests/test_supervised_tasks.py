"""Work that lives as long as the process is supervised: a bug in it is counted, and it begins again."""

import ast
import asyncio
from collections.abc import Iterable, Iterator, Sequence

import pytest

from bridge.aio.inline_task import start_inline
from bridge.core.claim import Claim, ClaimStatus
from bridge.delivery.hold import HoldLimiter, HoldPolicy
from bridge.delivery.in_flight import InFlightRegistry
from bridge.io.dedup.batcher import ClaimBatcher
from bridge.io.dedup.breaker import FAILURES_TO_OPEN, CircuitBreaker
from bridge.io.dedup.redis_client import redis_client
from bridge.io.dedup.store import DedupLimits, RedisDedup
from bridge.io.http.connections import ConnectionRegistry
from bridge.observability.telemetry import Telemetry
from bridge.settings.sections import RedisSettings
from tests.contracts import Clock, make_claim
from tests.fakes import FakeDedupStore
from tests.io.http_server import running_server
from tests.rig.waiting import WITHIN_S, eventually
from tests.test_architecture import sources

# Tasks that `supervise` does not restart when they fail, each with what makes that right. One that is not
# here and not supervised is refused: a loop that ends in silence leaves a bridge that looks well.
SHORT_TASKS = {
    "console.helper:self._answer": "one question, in a process of its own; a failure is its answer",
    "console.helper_client:self._read": "as long as the helper lives; who waits for an answer gets its end",
    "console.jobs:self._run": "one replay; a failure is its result",
    "console.questions:replaying": "one replay, in a process of its own; who asked waits for it",
    "delivery.drain:self._slot_freed.wait": "one wait, cancelled by who made it",
    "io.admin.connections:self._open": "one connection; in a failure it is closed",
    "io.vod.confirmer:self._confirm_group": "one group's calls, for at most as long as its handles live",
    "io.dedup.batcher:self._send": "one call; whoever waits for it is answered whatever happens in it",
    "io.dedup.store:self._probe_app": "one call; the probe waits for it",
    "io.http.tls_listener:handshake.run": "one handshake, within its time-out",
    "io.vod.poller:self._process_batch": "one batch; what is not confirmed is pulled again",
    "io.kafka.broker_probe:client.send": "one request, within its time-out",
    "io.kafka.producers:producer.client.close": "within its time-out",
    "io.kafka.producers:producer.stop": "within its time-out",
    "io.spool.group_commit:self._work": "until nothing waits; the next record begins another",
    "mcp_server.calls:tool.run": "one call of a tool; a failure is its answer",
    "vendor_twin.push:self._push": "three sends, within their time-outs; each failure is recorded",
    "workers.keeper:event.wait": "one wait, cancelled by who made it",
    "workers.keeper:self._watch": "until one process has ended",
    "workers.supervisor:self._stop_requested.wait": "one wait, for as long as the supervisor runs",
    "console.peers:self._fetch_statuses": "one question to each replica, within its time-out",
    "console.live:peers.fetch_deliveries": "one question to each replica, within its time-out",
    "consumer.testing.fake_group:self._rebalance": "one rebalance, in a test of somebody else",
    "workers.supervisor:keeper.wait_for_end": "one wait, within its time-out",
    "workers.supervisor_link:self._answer": "one question of the supervisor, which names who does not answer",
    "consumer.dead_letters:producer.stop": "within its time-out",
    "consumer.group_member:self._consumer.stop": "within its time-out",
    "consumer.group_member:awaitable": "one wait, cancelled by who made it",
}
# These are endless, and somebody else takes their failure.
WATCHED_TASKS = {
    "workers.supervisor:self._tick": "a failure ends the supervisor and its workers, in order",
    "workers.supervisor:self._replace_on_request": "the same",
    "workers.supervisor:keeper.run": "the same",
    "mcp_server.server:server.serve": "the command waits for it, and ends with it",
    "diagnostics.monitor:self._monitor": "in a group, whose owner is supervised",
    "consumer.worker_pool:self._work": "a failure is the subscription's, which raises it",
    "consumer.group_member:self._commit_loop": "a failure is the subscription's, which raises it",
    "consumer.group_member:self._report_lag": "catches all that the user's function raises",
}
# Commands, and what is a process of its own beside one.
ENDING_WITH_THEIR_TASKS = frozenset({"cli", "embedded_relay"})
TASK_MAKERS = frozenset({"create_task", "ensure_future", "Task"})


def _unsupervised_tasks(tree: ast.AST) -> Iterator[str]:
    """Yield the function behind each task that a file creates without a supervisor."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        made_by = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        work = node.args[0]
        function = work.func if isinstance(work, ast.Call) else work
        if isinstance(work, ast.Set | ast.List) or made_by not in TASK_MAKERS:
            continue
        if ast.unparse(function) != "supervise":
            yield ast.unparse(function)


def _is_endless(tree: ast.AST, function: str) -> bool:
    return any(
        isinstance(loop, ast.While) and isinstance(loop.test, ast.Constant)
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and node.name == function.rpartition(".")[2]
        for loop in ast.walk(node)
    )


def test_work_that_lives_as_long_as_the_process_is_supervised() -> None:
    made = {
        f"{module}:{function}": _is_endless(tree, function)
        for module, tree in sources().items()
        if module.split(".")[0] not in ENDING_WITH_THEIR_TASKS
        for function in _unsupervised_tasks(tree)
    }
    unknown = made.keys() - SHORT_TASKS.keys() - WATCHED_TASKS.keys()
    assert not unknown, (
        f"supervise these (bridge/aio/supervisor.py), or say in SHORT_TASKS why not: {sorted(unknown)}"
    )
    assert SHORT_TASKS.keys() | WATCHED_TASKS.keys() == made.keys(), "a row without its task"
    assert not [task for task in SHORT_TASKS if made[task]], "an endless loop is no short task"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("asyncio.create_task(self._probe())", ["self._probe"]),
        ("loop.create_task(supervise(self._probe, telemetry))", []),
        ("links = supervise(run, t)\nasyncio.ensure_future(links)", ["links"]),
        ("[asyncio.create_task(supervise(one, t)) for one in work]", []),
    ],
)
def test_a_task_that_is_not_supervised_is_found(source: str, found: list[str]) -> None:
    assert list(_unsupervised_tasks(ast.parse(source))) == found


def _bugs(telemetry: Telemetry) -> float:
    return telemetry.registry.get_sample_value("vod_bridge_internal_errors_total") or 0


class _FailsOnce:
    """Fails once, then never again."""

    def __init__(self) -> None:
        self.has_failed = False

    def fail_once(self) -> None:
        failed, self.has_failed = self.has_failed, True
        if not failed:
            raise ZeroDivisionError


async def test_claims_are_renewed_again_after_a_bug_in_it() -> None:
    bug = _FailsOnce()

    class Store(FakeDedupStore):
        async def renew(self, claims: Iterable[Claim]) -> None:
            bug.fail_once()
            await super().renew(claims)

    store, telemetry, policy = Store(Clock()), Telemetry(), HoldPolicy(lease_renew_s=0.01)
    in_flight = InFlightRegistry[None](
        store, HoldLimiter(policy, telemetry), policy, telemetry, lambda _: None
    )
    in_flight.start()
    await start_inline(in_flight.claim_or_join(make_claim(), 1e9, 1))
    await eventually(lambda: store.renewed, "the claim is renewed")
    assert _bugs(telemetry) == 1
    await in_flight.stop(0)


async def test_redis_is_probed_again_after_a_bug_in_it() -> None:
    bug = _FailsOnce()

    class Store(RedisDedup):
        async def _probe_all(self, batchers: Sequence[ClaimBatcher]) -> None:
            bug.fail_once()
            await super()._probe_all(batchers)

    telemetry = Telemetry()
    nobody = redis_client(RedisSettings(url="redis://127.0.0.1:1/0"), 2)
    store = Store(nobody, telemetry, Clock(), DedupLimits(probe_interval_s=0.05), ["shop"])
    store.start()
    await eventually(lambda: store.unavailable, "the probe finds nobody there")
    assert _bugs(telemetry) == 1
    await store.stop()


async def test_a_bug_in_a_callback_of_a_call_does_not_block_those_who_wait_for_it() -> None:
    class Store(RedisDedup):
        def _on_breaker_change(self, breaker: CircuitBreaker) -> None:
            super()._on_breaker_change(breaker)
            raise ZeroDivisionError

    store = Store(
        redis_client(RedisSettings(url="redis://127.0.0.1:1/0"), 2), Telemetry(), Clock(), DedupLimits()
    )
    asyncio.get_running_loop().set_exception_handler(lambda _, __: None)
    for number in range(FAILURES_TO_OPEN + 2):
        async with asyncio.timeout(WITHIN_S):
            assert (await store.claim(make_claim(f"Type:t{number}"))).status is ClaimStatus.UNAVAILABLE
    await store.stop()


async def test_slow_senders_are_closed_again_after_a_bug_in_it() -> None:
    bug = _FailsOnce()

    class Connections(ConnectionRegistry):
        def close_slow(self, now: float) -> bool:
            bug.fail_once()
            return super().close_slow(now)

    async with running_server() as server:
        server.ingress.connections = Connections(10, 10, 30)
        client = await server.connect()
        client.send(b"POST /call")
        await eventually(server.reading_count, "its first bytes are here")
        server.now_s = 11
        assert await client.reads_eof()
        assert _bugs(server.telemetry) == 1
