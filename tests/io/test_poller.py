"""A queue is pulled for as long as the program runs, and only what is durable is confirmed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from msgspec.structs import replace

from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import Ending, Outcome
from bridge.io.poller import Limits, Poller, Surroundings
from bridge.io.vod_api import Pulled, Refused, Unreachable
from bridge.telemetry import Telemetry
from tests.contracts import NOW_MS
from tests.io.queues import FakeQueue, pulled
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio

LIMITS = Limits(batches=4, spacing=0, idle=0.001, retry=0.001, retry_max=0.002, gate=0.001)


class Parts:
    """A poller on a fake queue; ``endings`` says how the next deliveries end, ``...`` leaves them open."""

    def __init__(
        self,
        queue: FakeQueue,
        limits: Limits = LIMITS,
        count: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self.queue = queue
        self.telemetry = Telemetry()
        self.delivered: list[Notification] = []
        self.endings: dict[bytes, object] = {}
        self.open = True
        self.go_on = asyncio.Event()
        surroundings = Surroundings(
            deliver=self._deliver,
            open_now=lambda: self.open,
            now_ms=lambda: NOW_MS,
            monotonic=asyncio.get_running_loop().time,
            telemetry=self.telemetry,
        )
        self.poller = Poller(Application(name="shop", mode="pull"), queue, surroundings, limits, count)

    async def _deliver(self, notification: Notification) -> Outcome:
        self.delivered.append(notification)
        ending = self.endings.get(notification.body, Ending.PUBLISHED)
        if ending is ...:
            await self.go_on.wait()
            ending = Ending.PUBLISHED
        assert isinstance(ending, Ending)
        return Outcome(ending=ending)


@pytest.fixture
async def parts() -> AsyncIterator[Parts]:
    """Give the parts, not yet at work."""
    given = Parts(FakeQueue())
    yield given
    await given.poller.stop(1)


async def test_what_is_pulled_is_delivered_as_it_came_and_confirmed_once_durable(parts: Parts) -> None:
    parts.queue.batches = [pulled(*range(16)), pulled(*range(16, 20))]
    parts.poller.start()
    await eventually(lambda: len(parts.queue.confirmed) == 20, "all are confirmed")
    assert sorted(one.body for one in parts.delivered) == sorted(one.body for one in pulled(*range(20)))
    assert {(one.mode, one.received_ms, one.application.name) for one in parts.delivered} == {
        ("pull", NOW_MS, "shop")
    }


@pytest.mark.parametrize("ending", list(Ending))
async def test_only_what_is_kept_is_confirmed(parts: Parts, ending: Ending) -> None:
    one, other = pulled(1, 2)
    parts.queue.batches = [[one, other]]
    parts.endings[one.body] = ending
    parts.poller.start()
    await eventually(lambda: "h2" in parts.queue.confirmed, "the other one is confirmed")
    await parts.poller.stop(1)
    kept = ending not in (Ending.UNAUTHORIZED, Ending.DEFERRED)
    assert ("h1" in parts.queue.confirmed) is kept


async def test_one_that_takes_its_time_holds_up_no_confirmation_and_no_other_batch(parts: Parts) -> None:
    slow, *others = pulled(*range(16))
    parts.queue.batches = [[slow, *others], pulled(*range(16, 32))]
    parts.endings[slow.body] = ...
    parts.poller.start()
    await eventually(lambda: len(parts.queue.confirmed) == 31, "all others are confirmed")
    parts.go_on.set()
    await eventually(lambda: len(parts.queue.confirmed) == 32, "it is confirmed as well")


async def test_while_kafka_takes_nothing_nothing_is_pulled_and_what_was_pulled_is_finished(
    parts: Parts,
) -> None:
    (one,) = pulled(1)
    parts.queue.batches = [[one]]
    parts.endings[one.body] = ...
    parts.poller.start()
    await eventually(lambda: parts.delivered, "it is under way")
    parts.open = False
    await asyncio.sleep(0)
    pulls = parts.queue.pulls
    parts.go_on.set()
    await eventually(lambda: parts.queue.confirmed, "it is confirmed")
    assert parts.queue.pulls <= pulls + 1
    parts.queue.batches = [pulled(2)]
    parts.open = True
    await eventually(lambda: len(parts.queue.confirmed) == 2, "it goes on by itself")


@pytest.mark.parametrize(
    "trouble", [Refused("AuthFailure.SignatureFailure", "wrong key"), Unreachable("no answer")]
)
async def test_troubles_are_told_once_and_tried_again_ever_more_rarely(
    parts: Parts, trouble: Refused | Unreachable, capsys: pytest.CaptureFixture[str]
) -> None:
    parts.queue.pull_troubles = [trouble] * 10
    parts.queue.batches = [pulled(1)]
    parts.poller.start()
    await eventually(lambda: parts.queue.confirmed, "it goes on by itself")
    assert not parts.poller.failing
    told = capsys.readouterr().out
    assert (told.count("pull_fails"), told.count("pull_works_again")) == (1, 1)


async def test_pulls_that_fail_together_are_one_failure() -> None:
    parts = Parts(
        FakeQueue(*(pulled(*range(n, n + 16)) for n in range(0, 16_000, 16))),
        replace(LIMITS, retry=30, retry_max=1_000),
    )

    def failed() -> float:
        labels = {"app": "shop", "action": "pull", "outcome": "unreachable"}
        return parts.telemetry.registry.get_sample_value("bridge_pull_calls_total", labels) or 0

    parts.poller.start()
    await eventually(lambda: len(parts.queue.confirmed) > 500, "several pull at once", every_s=0)
    parts.queue.pull_troubles = [Unreachable("reset")] * 4
    await eventually(lambda: failed() > 1, "several failed")
    # A second failure would put it off by 30 s and more.
    assert parts.poller._next_at - asyncio.get_running_loop().time() <= 30  # noqa: SLF001 - the pause itself
    await parts.poller.stop(1)


async def test_an_empty_queue_is_asked_rarely_and_by_one() -> None:
    parts = Parts(FakeQueue(), replace(LIMITS, idle=60))
    parts.poller.start()
    await eventually(lambda: parts.queue.pulls == 1, "it is asked")
    for _ in range(50):
        await asyncio.sleep(0)
    assert parts.queue.pulls == 1
    await parts.poller.stop(1)


async def test_how_many_wait_at_the_vendor_is_shown_while_it_tells() -> None:
    answers: list[int | Refused] = [Refused("InternalError", "no"), 5]

    async def count() -> int:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Refused):
            raise answer
        return answer

    parts = Parts(FakeQueue(), replace(LIMITS, count=0.001), count)
    parts.poller.start()

    def shown() -> bool:
        labels = {"app": "shop"}
        return parts.telemetry.registry.get_sample_value("bridge_pull_waiting", labels) == 5

    await eventually(shown, "the count is shown")
    await parts.poller.stop(1)


async def test_after_it_was_told_to_cease_nothing_is_pulled_and_a_stop_confirms_what_ended_well() -> None:
    (one,) = pulled(1)
    parts = Parts(FakeQueue([one]))
    parts.endings[one.body] = ...
    parts.poller.start()
    await eventually(lambda: parts.delivered, "it is under way")
    parts.poller.cease()
    parts.queue.batches = [pulled(2)]
    stopping = asyncio.ensure_future(parts.poller.stop(5))
    await asyncio.sleep(0)
    parts.go_on.set()
    await stopping
    assert parts.queue.confirmed == ["h1"]
    assert parts.queue.batches


async def test_what_is_no_event_and_has_no_handle_becomes_one_dead_letter_however_often_it_comes(
    parts: Parts,
) -> None:
    odd = [Pulled("", b"odd %d" % number) for number in range(2)]
    parts.endings = dict.fromkeys((one.body for one in odd), Ending.REJECTED)
    event = Pulled("", b"an event")
    parts.queue.batches = [[odd[0], event], [odd[0], odd[1], event], [odd[1], odd[0], event], pulled(1)]
    parts.poller.start()
    await eventually(lambda: len(parts.queue.confirmed) == 1, "the last one is confirmed")
    bodies = [one.body for one in parts.delivered]
    # Events are deduplicated elsewhere.
    assert [bodies.count(one.body) for one in (*odd, event)] == [1, 1, 3]


async def test_what_could_not_be_kept_and_has_no_handle_is_tried_again(parts: Parts) -> None:
    odd = Pulled("", b"odd")
    parts.endings = {b"odd": Ending.DEFERRED}
    parts.queue.batches = [[odd], [odd], pulled(1)]
    parts.poller.start()
    await eventually(lambda: len(parts.queue.confirmed) == 1, "the last one is confirmed")
    assert [one.body for one in parts.delivered].count(b"odd") == 2


async def test_no_more_than_a_thousand_of_those_are_remembered(parts: Parts) -> None:
    odd = [Pulled("", b"odd %d" % number) for number in range(1_001)]
    parts.endings = dict.fromkeys((one.body for one in odd), Ending.REJECTED)
    parts.queue.batches = [odd, [odd[-1]], [odd[0]], pulled(1)]
    parts.poller.start()
    await eventually(lambda: len(parts.queue.confirmed) == 1, "the last one is confirmed")
    bodies = [one.body for one in parts.delivered]
    assert (bodies.count(odd[0].body), bodies.count(odd[-1].body)) == (2, 1)
