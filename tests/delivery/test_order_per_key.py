"""Order per key, hole by hole, in the smallest setting of each; `tests.order` finds them by chance."""

import asyncio

import msgspec
import pytest

from bridge.core.claim import new_claim
from bridge.core.event import Identity, Record
from bridge.core.outcome import DeliveryOutcome, UnavailableError
from bridge.core.partition import hash_key
from bridge.delivery.drain import Drain, DrainLimits
from bridge.delivery.durable_writer import DurableWriter
from bridge.delivery.retry_order import Retry
from bridge.io.kafka.accumulator import RecordAccumulator
from bridge.io.kafka.limits import BufferLimits
from bridge.io.kafka.metadata import TopicMetadata
from bridge.observability.telemetry import Telemetry
from tests.deliveries import Rig
from tests.delivery_contracts import RecordingCallbacks, make_record
from tests.delivery_fakes import FakePublisher, FakeSpool
from tests.io.kafka_helpers import record
from tests.io.test_kafka_accumulator import RecordingSender
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio

SMALL = BufferLimits(max_bytes=1 << 20, max_records=100)


class SpoolingCallbacks(RecordingCallbacks):
    """An owner that keeps its record elsewhere once it is asked, and says so to ``order``."""

    def __init__(self, name: str, order: list[str], *, lost: bool = False, keeps: bool = True) -> None:
        super().__init__(elsewhere=lost)
        self._name, self._order, self._keeps = name, order, keeps

    def on_stalled(self) -> bool:
        """Keep it."""
        self._order.append(self._name)
        return self._keeps


def _new_accumulator() -> RecordAccumulator:
    accumulator = RecordAccumulator(SMALL, TopicMetadata(), lambda: None, lambda: None)
    accumulator.update_metadata({"t": 1})
    return accumulator


def edited(task: str, message: str = "SUCCESS") -> bytes:
    payload = {"TaskId": task, "Status": "FINISH", "Message": message, "Output": {"FileId": "f"}}
    return msgspec.json.encode({"EventType": "EditMediaComplete", "EditMediaCompleteEvent": payload})


async def test_a_drained_record_that_came_back_is_not_passed_by_the_next_one_that_is_read() -> None:
    publisher, spool = FakePublisher(), FakeSpool()
    drain = Drain(
        publisher, spool, lambda *_: None, Telemetry(), DrainLimits(max_read_bytes=1, pause_s=0.001)
    )
    for value in (b"1", b"2"):
        spool.append(make_record("t", "k", value))
    read = spool.read

    async def come_back(most_bytes: int, skip: object) -> object:
        found = await read(most_bytes, skip)  # type: ignore[arg-type] # handed on as it came
        if publisher.sent and not publisher.acks_at_once:
            publisher.stall()  # the first is withdrawn amid the read of the second
            publisher.acks_at_once = True
        return found

    spool.read = come_back  # type: ignore[method-assign, assignment] # what happens meanwhile
    drain.start()
    await eventually(lambda: not spool.records, "all is written")
    await drain.stop()
    assert [one.value for one in publisher.written] == [b"1", b"2"]


async def test_a_lost_batch_is_notified_before_what_waited_behind_it() -> None:
    accumulator, sender, order = _new_accumulator(), RecordingSender(), list[str]()
    for name, lost in (("drained", True), ("live", False)):
        accumulator.send(record("t", name), 0, SpoolingCallbacks(name, order, lost=lost))
    await accumulator.send_ready(sender)
    accumulator.send(record("t", "live"), 0, SpoolingCallbacks("later", order))
    accumulator.requeue_in_flight()
    assert order == ["live", "later"]


async def test_what_was_requeued_from_an_earlier_producer_is_notified_too_when_its_producer_is_lost() -> None:
    accumulator, sender, callbacks = _new_accumulator(), RecordingSender(), RecordingCallbacks(elsewhere=True)
    sent = accumulator.send(record("t", "a"), 0, RecordingCallbacks())
    await accumulator.send_ready(sender)
    accumulator.requeue_in_flight()
    accumulator.send(record("t", "b"), 0, callbacks)
    sent.callbacks = callbacks  # meanwhile its owner keeps it
    accumulator.requeue_in_flight()
    assert callbacks.calls == ["indeterminate", "stalled"]


async def test_a_missing_topics_last_batch_is_notified_before_what_waits_for_the_topic() -> None:
    accumulator, sender, order = _new_accumulator(), RecordingSender(), list[str]()
    accumulator.send(record("t", "k"), 0, SpoolingCallbacks("under way", order))
    await accumulator.send_ready(sender)
    accumulator.send(record("t", "k"), 0, SpoolingCallbacks("waits", order))
    accumulator.update_metadata({})
    assert order == ["under way", "waits"]
    accumulator.divert_earlier("t", hash_key(b"k"))
    assert order == ["under way", "waits", "waits"]  # the batch said that it is kept

    accumulator.on_batches_done([(sender.batches[0], ValueError())])
    assert len(accumulator.unassigned["t"]) == 2


async def test_a_batch_of_which_a_part_is_durable_nowhere_is_notified_again() -> None:
    accumulator, sender, order = _new_accumulator(), RecordingSender(), list[str]()
    accumulator.send(record("t", "k"), 0, SpoolingCallbacks("kept", order))
    accumulator.send(record("t", "k"), 0, SpoolingCallbacks("not kept", order, keeps=False))
    await accumulator.send_ready(sender)
    for _ in range(2):
        accumulator.divert_earlier("t", 0)
    assert order == ["kept", "not kept"] * 2


async def test_what_did_not_fit_into_the_spool_is_not_passed_by_what_fits() -> None:
    publisher, spool = FakePublisher(), FakeSpool(full=True)
    writer = DurableWriter(publisher, spool)
    first = writer.send(make_record("t", "k", b"1"))
    (sent,) = publisher.sent
    sent.in_producer = True
    publisher.stall()
    publisher.accepting = False
    fits = {b"2"}
    spool.accepts = lambda one: one.value in fits  # type: ignore[method-assign, assignment] # a smaller one
    spool.full = False
    second = writer.send(make_record("t", "k", b"2"))
    other = writer.send(make_record("t", "other", b"2"))
    assert spool.values == [b"2"]
    assert (other.durable.done(), second.durable.done()) == (True, False)
    fits.add(b"1")
    publisher.stall()
    assert spool.values == [b"2", b"1", b"2"]
    assert [one.durable.result() for one in (first, second)] == [DeliveryOutcome.SPOOLED] * 2


async def test_what_the_disk_refused_late_is_before_what_never_fitted() -> None:
    publisher, spool = FakePublisher(), FakeSpool()
    writer = DurableWriter(publisher, spool)
    sizes = {b"1", b"2"}
    spool.slow, spool.accepts = True, lambda one: one.value in sizes  # type: ignore[method-assign, assignment]
    for value in (b"1", b"2", b"3"):
        writer.send(make_record("t", "k", value))
    for sent in publisher.sent:
        sent.in_producer = True
    publisher.stall()  # the third finds no room
    for entry in tuple(spool.entries):
        spool.fail(entry)  # and then the disk refuses the others
    sizes |= {b"3"}
    publisher.sent[2].callbacks.on_stalled()
    assert spool.values == []
    publisher.stall()
    assert spool.values == [b"1", b"2", b"3"]


async def test_what_fails_takes_a_smaller_one_behind_it_along() -> None:
    publisher, spool = FakePublisher(), FakeSpool()
    writer = DurableWriter(publisher, spool)
    publisher.accepting, spool.slow = False, True
    first, second = (writer.send(make_record("t", "k", value)) for value in (b"large", b"small"))
    publisher.capacity = 0
    for entry, room in zip(tuple(spool.entries), (0, 9), strict=True):
        publisher.capacity = room
        spool.fail(entry)
    with pytest.raises(UnavailableError):
        first.durable.result()
    with pytest.raises(UnavailableError, match="earlier"):
        second.durable.result()
    await asyncio.sleep(0)
    third = writer.send(make_record("t", "k", b"small"))
    assert not third.durable.done()


async def test_what_waits_behind_one_that_failed_fails_with_it() -> None:
    publisher, spool = FakePublisher(), FakeSpool()
    writer = DurableWriter(publisher, spool)
    first, second, other = (writer.send(make_record("t", key, b"v")) for key in ("k", "k", "other"))
    spool.append(make_record("t", "k"))
    spool.full = True
    publisher.stall()
    for write, why in ((first, "the spool is full"), (second, "earlier")):
        with pytest.raises(UnavailableError, match=why):
            write.durable.result()
    publisher.fail(publisher.sent[0], UnavailableError("no permission"))
    with pytest.raises(UnavailableError, match="permission"):
        other.durable.result()


async def test_a_delivery_that_is_retried_is_not_passed_by_a_later_one_of_its_key(rig: Rig) -> None:
    rig.writer.scripted_results = [UnavailableError("no"), UnavailableError("no")]
    posts = [rig.deliver(edited("t1"))]
    await eventually(lambda: rig.writer.writes, "the first has failed")
    posts += [rig.deliver(edited(task)) for task in ("t2", "t3")]
    endings = [outcome.outcome for outcome in await asyncio.gather(*posts)]
    assert endings == [DeliveryOutcome.PUBLISHED] * 3
    assert [value["task_id"] for value in rig.values()] == ["t1", "t2", "t3"]


async def test_what_waits_for_a_retry_does_not_wait_beyond_its_own_deadline(rig: Rig) -> None:
    retry = Retry(
        ("vod.EditMediaComplete", b"f"), new_claim("shop", Identity(key="t0", digest=""), "v3", 0, ""), 0
    )
    rig.pipeline._retries.add(retry)  # noqa: SLF001 - one that does not end
    assert (await rig.deliver(edited("t1"))).outcome is DeliveryOutcome.DEFERRED
    rig.pipeline._retries.remove(retry)  # noqa: SLF001
    assert (await rig.deliver(edited("t1"))).outcome is DeliveryOutcome.PUBLISHED
    assert not rig.pipeline._retries.by_key  # noqa: SLF001


async def test_a_revision_is_before_the_next_event_of_its_file(rig: Rig) -> None:
    await rig.deliver(edited("t1"))
    posts = [rig.deliver(edited("t1", "again")), rig.deliver(edited("t2"))]
    await asyncio.gather(*posts)
    assert [value["task_id"] for value in rig.values()] == ["t1", "t1", "t2"]
    assert "#" in str(rig.values()[1]["id"])


async def test_a_revision_that_another_bridge_works_on_is_waited_for(rig: Rig) -> None:
    await rig.deliver(edited("t1"))
    rig.writer.scripted_results = [...]
    first = rig.deliver(edited("t1", "again"))
    await eventually(lambda: len(rig.writer.writes) > 1, "the revision is on its way")
    rig.pipeline._in_flight._by_key.clear()  # noqa: SLF001 - as if another bridge had begun it
    second = rig.deliver(edited("t1", "again"))
    await asyncio.sleep(0)
    rig.writer.finish(rig.writer.writes[-1])
    assert (await first).outcome is DeliveryOutcome.PUBLISHED
    assert (await second).outcome is DeliveryOutcome.DUPLICATE


async def test_the_spool_appends_what_it_accepts_whatever_the_headers() -> None:
    from bridge.io.spool.frames import body_bound, encode_body  # noqa: PLC0415

    long = [("tracestate", b"x" * 70_000), ("n" * 300, b""), ("é", b"y" * 300)]
    for headers in ([], long, [(f"h{n}", b"v" * 40) for n in range(200)]):
        one = Record("vod.T", b"k" * 300, b"v" * 70_000, headers)
        exact = len(encode_body(one))
        assert exact <= body_bound(one) <= exact + 21 + 11 * len(headers)


async def test_of_two_that_wait_for_different_retries_the_earlier_one_is_sent_first(rig: Rig) -> None:
    refused, published = UnavailableError("no"), DeliveryOutcome.PUBLISHED
    rig.writer.scripted_results = [..., refused, ...]
    first, second = rig.deliver(edited("first")), rig.deliver(edited("second"))
    await eventually(lambda: len(rig.writer.writes) == 3, "the second is tried again")
    third = rig.deliver(edited("third"))
    for _ in range(10):  # turns of the loop: it is claimed, and waits for the second
        await asyncio.sleep(0)
    rig.writer.finish(rig.writer.writes[0], refused)
    fourth = rig.deliver(edited("fourth"))
    for _ in range(10):  # it waits for the first, which is tried again soon
        await asyncio.sleep(0)
    rig.writer.finish(rig.writer.writes[2])  # from now on the third waits for the first, too
    assert [(await post).outcome for post in (first, second, third, fourth)] == [published] * 4
    assert [value["task_id"] for value in rig.values()] == ["second", "first", "third", "fourth"]
