"""A queue is pulled for as long as the program runs, and only what is durable is confirmed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from msgspec.structs import replace

from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult
from bridge.io.vod.errors import ApiError, TransportError
from bridge.io.vod.event_queue import PulledEvent
from bridge.io.vod.poller import Poller, PollerDeps, PollerLimits
from bridge.observability.telemetry import Telemetry
from tests.contracts import NOW_MS
from tests.io.queues import FakeEventQueue, make_batch
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio

LIMITS = PollerLimits(
    max_concurrency=4,
    min_interval_s=0,
    idle_interval_s=0.001,
    backoff_s=0.001,
    max_backoff_s=0.002,
    gate_poll_s=0.001,
)


class Parts:
    """A poller on a fake queue; ``endings`` says how the next deliveries end, ``...`` leaves them open."""

    def __init__(
        self,
        queue: FakeEventQueue,
        limits: PollerLimits = LIMITS,
        queue_depth: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self.queue = queue
        self.telemetry = Telemetry()
        self.delivered: list[Notification] = []
        self.outcomes: dict[bytes, object] = {}
        self.can_pull = True
        self.resume = asyncio.Event()
        surroundings = PollerDeps(
            deliver=self._deliver,
            can_pull=lambda: self.can_pull,
            now_ms=lambda: NOW_MS,
            monotonic=asyncio.get_running_loop().time,
            telemetry=self.telemetry,
        )
        self.poller = Poller(Application(name="shop", mode="pull"), queue, surroundings, limits, queue_depth)

    async def _deliver(self, notification: Notification) -> DeliveryResult:
        self.delivered.append(notification)
        ending = self.outcomes.get(notification.body, DeliveryOutcome.PUBLISHED)
        if ending is ...:
            await self.resume.wait()
            ending = DeliveryOutcome.PUBLISHED
        assert isinstance(ending, DeliveryOutcome)
        return DeliveryResult(outcome=ending)


@pytest.fixture
async def parts() -> AsyncIterator[Parts]:
    """Give the parts, not yet at work."""
    given = Parts(FakeEventQueue())
    yield given
    await given.poller.stop(1)


async def test_what_is_pulled_is_delivered_as_it_came_and_confirmed_once_durable(parts: Parts) -> None:
    parts.queue.batches = [make_batch(*range(16)), make_batch(*range(16, 20))]
    parts.poller.start()
    await eventually(lambda: len(parts.queue.confirmed) == 20, "all are confirmed")
    assert sorted(one.body for one in parts.delivered) == sorted(one.body for one in make_batch(*range(20)))
    assert {(one.mode, one.received_ms, one.application.name) for one in parts.delivered} == {
        ("pull", NOW_MS, "shop")
    }


@pytest.mark.parametrize("ending", list(DeliveryOutcome))
async def test_only_what_is_durable_is_confirmed(parts: Parts, ending: DeliveryOutcome) -> None:
    one, other = make_batch(1, 2)
    parts.queue.batches = [[one, other]]
    parts.outcomes[one.body] = ending
    parts.poller.start()
    await eventually(lambda: "h2" in parts.queue.confirmed, "the other one is confirmed")
    await parts.poller.stop(1)
    kept = ending not in (DeliveryOutcome.UNAUTHORIZED, DeliveryOutcome.DEFERRED)
    assert ("h1" in parts.queue.confirmed) is kept


async def test_one_that_takes_its_time_holds_up_no_confirmation_and_no_other_batch(parts: Parts) -> None:
    slow, *others = make_batch(*range(16))
    parts.queue.batches = [[slow, *others], make_batch(*range(16, 32))]
    parts.outcomes[slow.body] = ...
    parts.poller.start()
    await eventually(lambda: len(parts.queue.confirmed) == 31, "all others are confirmed")
    parts.resume.set()
    await eventually(lambda: len(parts.queue.confirmed) == 32, "it is confirmed as well")


async def test_while_kafka_is_unavailable_nothing_is_pulled_and_what_was_pulled_is_finished(
    parts: Parts,
) -> None:
    (one,) = make_batch(1)
    parts.queue.batches = [[one]]
    parts.outcomes[one.body] = ...
    parts.poller.start()
    await eventually(lambda: parts.delivered, "it is under way")
    parts.can_pull = False
    await asyncio.sleep(0)
    pulls = parts.queue.pulls
    parts.resume.set()
    await eventually(lambda: parts.queue.confirmed, "it is confirmed")
    assert parts.queue.pulls <= pulls + 1
    parts.queue.batches = [make_batch(2)]
    parts.can_pull = True
    await eventually(lambda: len(parts.queue.confirmed) == 2, "it goes on by itself")


@pytest.mark.parametrize(
    "trouble", [ApiError("AuthFailure.SignatureFailure", "wrong key"), TransportError("no answer")]
)
async def test_failures_are_logged_once_and_retried_with_growing_backoff(
    parts: Parts, trouble: ApiError | TransportError, capsys: pytest.CaptureFixture[str]
) -> None:
    parts.queue.pull_errors = [trouble] * 10
    parts.queue.batches = [make_batch(1)]
    parts.poller.start()
    await eventually(lambda: parts.queue.confirmed, "it goes on by itself")
    assert not parts.poller.failing
    logged = capsys.readouterr().out
    assert (logged.count("pull_failing"), logged.count("pull_recovered")) == (1, 1)


async def test_pulls_that_fail_together_are_one_failure() -> None:
    parts = Parts(
        FakeEventQueue(*(make_batch(*range(n, n + 16)) for n in range(0, 16_000, 16))),
        replace(LIMITS, backoff_s=30, max_backoff_s=1_000),
    )

    def failed() -> float:
        labels = {"app": "shop", "action": "pull", "outcome": "unreachable"}
        return parts.telemetry.registry.get_sample_value("vod_bridge_pull_calls_total", labels) or 0

    parts.poller.start()
    await eventually(lambda: len(parts.queue.confirmed) > 500, "several pull at once", every_s=0)
    parts.queue.answers_pulls.clear()
    await eventually(lambda: parts.queue.waiting_pulls == LIMITS.max_concurrency, "all workers pull")
    parts.queue.pull_errors = [TransportError("reset")] * LIMITS.max_concurrency
    parts.queue.answers_pulls.set()
    await eventually(lambda: failed() == LIMITS.max_concurrency, "all of them failed")
    # A second failure would put it off by 30 s and more.
    assert parts.poller._next_pull_at - asyncio.get_running_loop().time() <= 30  # noqa: SLF001 - the pause itself
    await parts.poller.stop(1)


async def test_an_empty_queue_is_polled_rarely_and_by_one_worker() -> None:
    parts = Parts(FakeEventQueue(), replace(LIMITS, idle_interval_s=60))
    parts.poller.start()
    await eventually(lambda: parts.queue.pulls == 1, "it is asked")
    for _ in range(50):
        await asyncio.sleep(0)
    assert parts.queue.pulls == 1
    await parts.poller.stop(1)


async def test_the_queue_depth_is_reported_while_the_vendor_gives_it() -> None:
    answers: list[int | ApiError] = [ApiError("InternalError", "no"), 5]

    async def count() -> int:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, ApiError):
            raise answer
        return answer

    parts = Parts(FakeEventQueue(), replace(LIMITS, depth_interval_s=0.001), count)
    parts.poller.start()

    def shown() -> bool:
        labels = {"app": "shop"}
        return parts.telemetry.registry.get_sample_value("vod_bridge_pull_queue_events", labels) == 5

    await eventually(shown, "the count is shown")
    await parts.poller.stop(1)


async def test_after_stop_pulling_nothing_is_pulled_and_a_stop_confirms_what_became_durable() -> None:
    (one,) = make_batch(1)
    parts = Parts(FakeEventQueue([one]))
    parts.outcomes[one.body] = ...
    parts.poller.start()
    await eventually(lambda: parts.delivered, "it is under way")
    parts.poller.stop_pulling()
    parts.queue.batches = [make_batch(2)]
    stopping = asyncio.ensure_future(parts.poller.stop(5))
    await asyncio.sleep(0)
    parts.resume.set()
    await stopping
    assert parts.queue.confirmed == ["h1"]
    assert parts.queue.batches


async def test_what_is_no_event_and_has_no_handle_becomes_one_dead_letter_however_often_it_comes(
    parts: Parts,
) -> None:
    odd = [PulledEvent("", b"odd %d" % number) for number in range(2)]
    parts.outcomes = dict.fromkeys((one.body for one in odd), DeliveryOutcome.REJECTED)
    event = PulledEvent("", b"an event")
    parts.queue.batches = [[odd[0], event], [odd[0], odd[1], event], [odd[1], odd[0], event], make_batch(1)]
    parts.poller.start()
    await eventually(lambda: len(parts.queue.confirmed) == 1, "the last one is confirmed")
    bodies = [one.body for one in parts.delivered]
    # Events are deduplicated elsewhere.
    assert [bodies.count(one.body) for one in (*odd, event)] == [1, 1, 3]


async def test_what_could_not_be_kept_and_has_no_handle_is_tried_again(parts: Parts) -> None:
    odd = PulledEvent("", b"odd")
    parts.outcomes = {b"odd": DeliveryOutcome.DEFERRED}
    parts.queue.batches = [[odd], [odd], make_batch(1)]
    parts.poller.start()
    await eventually(lambda: len(parts.queue.confirmed) == 1, "the last one is confirmed")
    assert [one.body for one in parts.delivered].count(b"odd") == 2


async def test_no_more_than_a_thousand_of_those_are_remembered(parts: Parts) -> None:
    odd = [PulledEvent("", b"odd %d" % number) for number in range(1_001)]
    parts.outcomes = dict.fromkeys((one.body for one in odd), DeliveryOutcome.REJECTED)
    parts.queue.batches = [odd, [odd[-1]], [odd[0]], make_batch(1)]
    parts.poller.start()
    await eventually(lambda: len(parts.queue.confirmed) == 1, "the last one is confirmed")
    bodies = [one.body for one in parts.delivered]
    assert (bodies.count(odd[0].body), bodies.count(odd[-1].body)) == (2, 1)
