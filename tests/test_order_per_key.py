"""Order per key, hole by hole, in the smallest setting of each; `tests.order` finds them by chance."""

import asyncio

import msgspec
import pytest

from bridge.core.claim import Claim, question
from bridge.core.event import Identity, Record
from bridge.core.outcome import Ending, Unavailable
from bridge.core.partition import hash_of
from bridge.drain import Drain, Pace
from bridge.io.publisher.buffer_budget import Limits
from bridge.io.publisher.lanes import Lanes
from bridge.keeping import Keeper
from bridge.retry_order import Retry, RetryOrder
from bridge.telemetry import Telemetry
from tests.deliveries import Rig
from tests.io.publishing import record
from tests.io.test_lanes import OpenWay
from tests.keeping_contracts import Heard, written_to
from tests.keeping_fakes import FakeProducer, FakeStore
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio

SMALL = Limits(most_bytes=1 << 20, most_records=100)
KEY = ("t", b"k")


class Spooling(Heard):
    """An owner that keeps its record elsewhere once it is asked, and says so to ``order``."""

    def __init__(self, name: str, order: list[str], *, lost: bool = False, keeps: bool = True) -> None:
        super().__init__(elsewhere=lost)
        self._name, self._order, self._keeps = name, order, keeps

    def stuck(self) -> bool:
        """Keep it."""
        self._order.append(self._name)
        return self._keeps


def _lanes() -> Lanes:
    lanes = Lanes(SMALL, lambda: None, lambda: None)
    lanes.learn({"t": 1})
    return lanes


def edited(task: str, message: str = "SUCCESS") -> bytes:
    payload = {"TaskId": task, "Status": "FINISH", "Message": message, "Output": {"FileId": "f"}}
    return msgspec.json.encode({"EventType": "EditMediaComplete", "EditMediaCompleteEvent": payload})


async def test_a_drained_record_that_came_back_is_not_passed_by_the_next_one_that_is_read() -> None:
    producer, store = FakeProducer(), FakeStore()
    drain = Drain(producer, store, lambda *_: None, Telemetry(), Pace(read_bytes=1, rest_s=0.001))
    for value in (b"1", b"2"):
        store.put(written_to("t", "k", value))
    read = store.read

    async def come_back(most_bytes: int, skip: object) -> object:
        found = await read(most_bytes, skip)  # type: ignore[arg-type] # handed on as it came
        if producer.sent and not producer.at_once:
            producer.stick()  # the first is withdrawn amid the read of the second
            producer.at_once = True
        return found

    store.read = come_back  # type: ignore[method-assign, assignment] # what happens meanwhile
    drain.start()
    await eventually(lambda: not store.records, "all is written")
    await drain.stop()
    assert [one.value for one in producer.written] == [b"1", b"2"]


async def test_a_lost_batch_is_asked_before_what_waited_behind_it() -> None:
    lanes, way, order = _lanes(), OpenWay(), list[str]()
    for name, lost in (("drained", True), ("live", False)):
        lanes.send(record("t", name), 0, Spooling(name, order, lost=lost))
    await lanes.feed(way)
    lanes.send(record("t", "live"), 0, Spooling("later", order))
    lanes.reclaim()
    assert order == ["live", "later"]


async def test_what_waits_after_an_earlier_producer_is_asked_too_when_its_producer_is_lost() -> None:
    lanes, way, owner = _lanes(), OpenWay(), Heard(elsewhere=True)
    sent = lanes.send(record("t", "a"), 0, Heard())
    await lanes.feed(way)
    lanes.reclaim()
    lanes.send(record("t", "b"), 0, owner)
    sent.owner = owner  # meanwhile its owner keeps it
    lanes.reclaim()
    assert owner.words == ["lost", "stuck"]


async def test_a_missing_topics_last_batch_is_asked_before_what_waits_for_the_topic() -> None:
    lanes, way, order = _lanes(), OpenWay(), list[str]()
    lanes.send(record("t", "k"), 0, Spooling("under way", order))
    await lanes.feed(way)
    lanes.send(record("t", "k"), 0, Spooling("waits", order))
    lanes.learn({})
    assert order == ["under way", "waits"]
    lanes.give_way("t", hash_of(b"k"))
    assert order == ["under way", "waits", "waits"]  # the batch said that it is kept

    lanes.hear([(way.opened[0], ValueError())])
    assert len(lanes.homeless["t"]) == 2


async def test_a_batch_of_which_a_part_is_kept_nowhere_is_asked_again() -> None:
    lanes, way, order = _lanes(), OpenWay(), list[str]()
    lanes.send(record("t", "k"), 0, Spooling("kept", order))
    lanes.send(record("t", "k"), 0, Spooling("not kept", order, keeps=False))
    await lanes.feed(way)
    for _ in range(2):
        lanes.give_way("t", 0)
    assert order == ["kept", "not kept"] * 2


async def test_what_the_spool_had_no_room_for_is_not_passed_by_what_it_has_room_for() -> None:
    producer, store = FakeProducer(), FakeStore(full=True)
    keeper = Keeper(producer, store)
    first = keeper.send(written_to("t", "k", b"1"))
    (sent,) = producer.sent
    sent.entered = True
    producer.stick()
    producer.flowing = False
    fits = {b"2"}
    store.accepts = lambda one: one.value in fits  # type: ignore[method-assign, assignment] # a smaller one
    store.full = False
    second = keeper.send(written_to("t", "k", b"2"))
    other = keeper.send(written_to("t", "other", b"2"))
    assert store.values == [b"2"]
    assert (other.durable.done(), second.durable.done()) == (True, False)
    fits.add(b"1")
    producer.stick()
    assert store.values == [b"2", b"1", b"2"]
    assert [one.durable.result() for one in (first, second)] == [Ending.SPOOLED] * 2


async def test_what_lost_its_place_in_the_spool_is_before_what_found_none_there() -> None:
    producer, store = FakeProducer(), FakeStore()
    keeper = Keeper(producer, store)
    sizes = {b"1", b"2"}
    store.slow, store.accepts = True, lambda one: one.value in sizes  # type: ignore[method-assign, assignment]
    for value in (b"1", b"2", b"3"):
        keeper.send(written_to("t", "k", value))
    for sent in producer.sent:
        sent.entered = True
    producer.stick()  # the third finds no room
    for entry in tuple(store.entries):
        store.fail(entry)  # and then the disk refuses the others
    sizes |= {b"3"}
    producer.sent[2].owner.stuck()
    assert store.values == []
    producer.stick()
    assert store.values == [b"1", b"2", b"3"]


async def test_what_fails_takes_a_smaller_one_behind_it_along() -> None:
    producer, store = FakeProducer(), FakeStore()
    keeper = Keeper(producer, store)
    producer.flowing, store.slow = False, True
    first, second = (keeper.send(written_to("t", "k", value)) for value in (b"large", b"small"))
    producer.room = 0
    for entry, room in zip(tuple(store.entries), (0, 9), strict=True):
        producer.room = room
        store.fail(entry)
    with pytest.raises(Unavailable):
        first.durable.result()
    with pytest.raises(Unavailable, match="earlier"):
        second.durable.result()
    await asyncio.sleep(0)
    third = keeper.send(written_to("t", "k", b"small"))
    assert not third.durable.done()


async def test_what_waits_behind_one_that_failed_fails_with_it() -> None:
    producer, store = FakeProducer(), FakeStore()
    keeper = Keeper(producer, store)
    first, second, other = (keeper.send(written_to("t", key, b"v")) for key in ("k", "k", "other"))
    store.put(written_to("t", "k"))
    store.full = True
    producer.stick()
    for passage, why in ((first, "no room"), (second, "earlier")):
        with pytest.raises(Unavailable, match=why):
            passage.durable.result()
    producer.refuse(producer.sent[0], Unavailable("no permission"))
    with pytest.raises(Unavailable, match="permission"):
        other.durable.result()


async def test_a_delivery_that_is_retried_is_not_passed_by_a_later_one_of_its_key(rig: Rig) -> None:
    rig.writer.fates = [Unavailable("no"), Unavailable("no")]
    posts = [rig.deliver(edited("t1"))]
    await eventually(lambda: rig.writer.tickets, "the first has failed")
    posts += [rig.deliver(edited(task)) for task in ("t2", "t3")]
    endings = [outcome.ending for outcome in await asyncio.gather(*posts)]
    assert endings == [Ending.PUBLISHED] * 3
    assert [value["task_id"] for value in rig.values()] == ["t1", "t2", "t3"]


async def test_what_waits_for_a_retry_does_not_wait_beyond_its_own_deadline(rig: Rig) -> None:
    retry = Retry(("vod.EditMediaComplete", b"f"), _asked("t0"), 0)
    rig.pipeline._retries.add(retry)  # noqa: SLF001 - one that does not end
    assert (await rig.deliver(edited("t1"))).ending is Ending.DEFERRED
    rig.pipeline._retries.remove(retry)  # noqa: SLF001
    assert (await rig.deliver(edited("t1"))).ending is Ending.PUBLISHED
    assert not rig.pipeline._retries  # noqa: SLF001


async def test_a_revision_stands_before_the_next_event_of_its_file(rig: Rig) -> None:
    await rig.deliver(edited("t1"))
    posts = [rig.deliver(edited("t1", "again")), rig.deliver(edited("t2"))]
    await asyncio.gather(*posts)
    assert [value["task_id"] for value in rig.values()] == ["t1", "t1", "t2"]
    assert "#" in str(rig.values()[1]["id"])


async def test_a_revision_that_another_bridge_works_on_is_waited_for(rig: Rig) -> None:
    await rig.deliver(edited("t1"))
    rig.writer.fates = [...]
    first = rig.deliver(edited("t1", "again"))
    await eventually(lambda: len(rig.writer.tickets) > 1, "the revision is on its way")
    rig.pipeline._journeys._by_key.clear()  # noqa: SLF001 - as if another bridge had begun it
    second = rig.deliver(edited("t1", "again"))
    await asyncio.sleep(0)
    rig.writer.end(rig.writer.tickets[-1])
    assert (await first).ending is Ending.PUBLISHED
    assert (await second).ending is Ending.DUPLICATE


def _asked(task: str, digest: str = "0" * 16) -> Claim:
    return question("shop", Identity(key=task, digest=digest), "v3", 0, "a" * 16)


async def test_a_retry_is_waited_for_by_later_events_of_its_key_and_by_no_others() -> None:
    order = RetryOrder()
    assert not order
    second, first = Retry(KEY, _asked("b"), 2), Retry(KEY, _asked("a"), 1)
    for retry in (second, first):
        order.add(retry)
    assert order.ahead_of(KEY, _asked("c"), 3) is first
    assert order.ahead_of(("t", b"other"), _asked("c"), 3) is None
    assert order.ahead_of(KEY, _asked("b"), 2) is first
    assert order.ahead_of(KEY, _asked("a"), 1) is None
    order.remove(first)
    assert first.ended.done()
    assert order.ahead_of(KEY, _asked("c"), 3) is second
    assert order.ahead_of(KEY, _asked("b"), 2) is None
    order.remove(second)
    assert not order


async def test_another_delivery_of_what_is_retried_stands_in_for_it() -> None:
    order = RetryOrder()
    order.add(retry := Retry(KEY, _asked("a"), 1))
    assert order.ahead_of(KEY, _asked("a"), 2) is None
    assert order.ahead_of(KEY, _asked("a", "1" * 16), 2) is retry  # other content is another event
    assert order.ahead_of(KEY, _asked("a", "1" * 16).revised(), 2) is retry
    order.add(Retry(("t", b"l"), _asked("b", "1" * 16), 1))
    assert order.ahead_of(("t", b"l"), _asked("b", "1" * 16).revised(), 2) is None


async def test_the_spool_takes_what_it_says_it_takes_whatever_the_headers() -> None:
    from bridge.io.spool.frames import body_bound, body_of  # noqa: PLC0415

    long = [("tracestate", b"x" * 70_000), ("n" * 300, b""), ("é", b"y" * 300)]
    for headers in ([], long, [(f"h{n}", b"v" * 40) for n in range(200)]):
        one = Record("vod.T", b"k" * 300, b"v" * 70_000, headers)
        exact = len(body_of(one))
        assert exact <= body_bound(one) <= exact + 21 + 11 * len(headers)
