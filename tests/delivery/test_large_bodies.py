"""Large bodies, which a thread reads while the event loop serves others: in real time, with patience."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from bridge.core.authorization import read_authorized
from bridge.core.encode_in_pieces import encode_in_pieces
from bridge.core.event import DecodedEvent, DedupStamp, Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult, UnavailableError
from bridge.core.record import Routing, event_record
from bridge.delivery import large_bodies
from tests.body_shapes import SHAPES
from tests.deliveries import APP, POLICY, Rig, edited
from tests.rig.waiting import WITHIN_S, eventually

pytestmark = pytest.mark.asyncio
IN_REAL_TIME = True
STAMP = DedupStamp(id="i")
LONG = "x" * 300_000


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Give a started pipeline that holds for as long as the thread takes."""
    async with Rig(msgspec.structs.replace(POLICY, hold_s=WITHIN_S)) as rig:
        yield rig


async def test_a_large_body_is_read_while_others_are_served(rig: Rig) -> None:
    many = b",".join([b"{}"] * 300_000)
    large = (
        b'{"EventType":"ProcedureStateChanged","ProcedureStateChangeEvent":{"TaskId":"big","Status":"FINISH",'
    )
    large += b'"MediaProcessResultSet":[' + many + b"]}}"
    first = rig.deliver(large)
    second = rig.deliver(edited())
    assert (await second).outcome is DeliveryOutcome.PUBLISHED
    assert not first.done()
    assert (await first).outcome is DeliveryOutcome.PUBLISHED
    assert (await rig.deliver(b"x" * 300_000)).reason == "malformed"


async def test_a_middling_body_of_very_many_parts_is_read_while_others_are_served(rig: Rig) -> None:
    body = b'{"version":"4.0","eventType":"ConcatComplete","data":{"vodTaskId":"big","fileInfo":[%b]}}'
    first = rig.deliver(body % b",".join([b"{}"] * 80_000))
    second = rig.deliver(edited())
    assert (await second).outcome is DeliveryOutcome.PUBLISHED
    assert not first.done()
    assert (await first).outcome is DeliveryOutcome.PUBLISHED


class Gate:
    """The thread that encodes large records waits until it is ``opened``; ``reached``: it has come there."""

    def __init__(self) -> None:
        self.opened, self.reached = threading.Event(), threading.Event()

    def encode(self, value: msgspec.Struct) -> bytes:
        """Encode, in a thread once it is open."""
        if threading.current_thread() is not threading.main_thread():
            self.reached.set()
            self.opened.wait(WITHIN_S)
        return encode_in_pieces(value)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Give a closed gate."""
    gate = Gate()
    monkeypatch.setattr(large_bodies, "encode_in_pieces", gate.encode)
    yield gate
    gate.opened.set()


async def at_the_gate(rig: Rig, gate: Gate) -> "asyncio.Task[DeliveryResult]":
    """Deliver a large body whose record waits at the gate."""
    large = rig.deliver(edited("large", LONG))
    await eventually(gate.reached.is_set, "its record is to be encoded")
    return large


async def test_a_large_record_is_encoded_while_others_are_served(rig: Rig, gate: Gate) -> None:
    large = await at_the_gate(rig, gate)
    assert (await rig.deliver(edited("small"))).outcome is DeliveryOutcome.PUBLISHED
    assert not large.done()
    gate.opened.set()
    assert (await large).outcome is DeliveryOutcome.PUBLISHED
    small, encoded = (record.value for record in rig.writer.records)
    assert msgspec.json.decode(small)["task_id"] == "small"
    assert msgspec.json.encode(msgspec.json.decode(encoded)) == encoded


def messages(rig: Rig) -> list[str]:
    return [msgspec.json.decode(record.value)["payload"]["Message"] for record in rig.writer.records]


async def test_later_events_of_its_key_wait_for_a_large_record_until_it_is_sent(rig: Rig, gate: Gate) -> None:
    posts = [await at_the_gate(rig, gate)]
    posts += [rig.deliver(edited("large", message)) for message in ("revised", "once more")]
    assert (await rig.deliver(edited("small", "of another key"))).outcome is DeliveryOutcome.PUBLISHED
    gate.opened.set()
    assert [(await one).outcome for one in posts] == [DeliveryOutcome.PUBLISHED] * 3
    assert messages(rig) == ["of another key", LONG, "revised", "once more"]


async def test_a_large_record_that_is_sent_keeps_no_later_event_waiting(rig: Rig) -> None:
    rig.writer.scripted_results = [..., ...]
    posts = [rig.deliver(edited("large", LONG))]
    await eventually(lambda: len(rig.writer.writes) == 1, "it is sent")
    posts.append(rig.deliver(edited("large", "revised")))
    await eventually(lambda: len(rig.writer.writes) == 2, "the later one is sent behind it")
    for write in rig.writer.writes:
        rig.writer.finish(write)
    assert [(await one).outcome for one in posts] == [DeliveryOutcome.PUBLISHED] * 2
    assert messages(rig) == [LONG, "revised"]


async def test_later_events_of_its_key_wait_for_a_large_record_that_was_not_taken(
    rig: Rig, gate: Gate
) -> None:
    rig.writer.scripted_results = [UnavailableError("not now")]
    posts = [await at_the_gate(rig, gate), rig.deliver(edited("large", "revised"))]
    gate.opened.set()
    assert [(await one).outcome for one in posts] == [DeliveryOutcome.PUBLISHED] * 2
    assert messages(rig) == [LONG, "revised"]


def read_large() -> tuple[Notification, DecodedEvent]:
    notification = Notification(application=APP, body=edited("large", LONG), received_ms=0)
    event = read_authorized(notification, notification.size)
    assert isinstance(event, DecodedEvent)
    return notification, event


class WatchedLock:
    """A lock that notes whether a thread has waited for it."""

    def __init__(self) -> None:
        self._lock, self.was_waited_for = threading.Lock(), threading.Event()

    def __enter__(self) -> None:
        """Take it."""
        if not self._lock.acquire(blocking=False):
            self.was_waited_for.set()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self._lock.release()


async def test_while_a_body_is_decoded_no_record_is_encoded(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, decoding, opened = WatchedLock(), threading.Event(), threading.Event()

    def read_at_the_gate(notification: Notification, size: int) -> DecodedEvent | DeliveryResult:
        decoding.set()
        opened.wait(WITHIN_S)
        return read_authorized(notification, size)

    notification, event = read_large()
    monkeypatch.setattr(large_bodies, "Lock", lambda: lock)
    monkeypatch.setattr(large_bodies, "read_authorized", read_at_the_gate)
    bodies = large_bodies.LargeBodies(Routing())
    decoded = asyncio.ensure_future(bodies.decode(notification, notification.size))
    await eventually(decoding.is_set, "it is decoded")
    encoded = asyncio.ensure_future(bodies.encode(event, STAMP, notification))
    await eventually(lock.was_waited_for.is_set, "the record waits")
    assert not gate.reached.is_set()
    gate.opened.set()
    opened.set()
    assert await decoded == event
    assert await encoded == event_record(event, STAMP, notification, Routing())
    bodies.stop()


async def test_large_records_that_are_not_encoded_when_the_bridge_stops_are_encoded_at_once(
    gate: Gate,
) -> None:
    notification, event = read_large()
    bodies = large_bodies.LargeBodies(Routing())
    first, waiting = (asyncio.ensure_future(bodies.encode(event, STAMP, notification)) for _ in range(2))
    await eventually(gate.reached.is_set, "the first is to be encoded")
    bodies.stop()
    record = event_record(event, STAMP, notification, Routing())
    assert await waiting == await bodies.encode(event, STAMP, notification) == record
    assert not first.done()
    gate.opened.set()
    assert await first == record


async def test_large_bodies_that_come_together_are_all_published(rig: Rig, gate: Gate) -> None:
    posts = [await at_the_gate(rig, gate)]
    posts += [rig.deliver(edited(task, LONG)) for task in ("second", "third")]
    gate.opened.set()
    assert [(await one).outcome for one in posts] == [DeliveryOutcome.PUBLISHED] * 3
    assert sorted(str(value["task_id"]) for value in rig.values()) == ["large", "second", "third"]


async def test_a_large_body_does_not_wait_for_one_of_very_many_parts(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = SHAPES["empty objects, then a code"]
    opened = threading.Event()

    def read_at_the_gate(notification: Notification, size: int) -> DecodedEvent | DeliveryResult:
        if notification.body.count(b"{") > 10_000:
            opened.wait(WITHIN_S)
        return read_authorized(notification, size)

    monkeypatch.setattr(large_bodies, "read_authorized", read_at_the_gate)
    slow = [rig.deliver(parts(size)) for size in (200_000, 1024 * 1024)]
    others = [edited("large", LONG), parts(20_000), parts(25_000)]  # the last have some 7,000 and 8,000 parts
    try:
        for body in others:
            assert (await rig.deliver(body)).outcome is DeliveryOutcome.PUBLISHED
        assert not any(one.done() for one in slow)
    finally:
        opened.set()
    assert [(await one).outcome for one in slow] == [DeliveryOutcome.PUBLISHED] * 2


async def test_large_bodies_that_nobody_has_read_when_the_bridge_stops_are_deferred(rig: Rig) -> None:
    body = SHAPES["empty objects, then a code"](1024 * 1024)  # half a second each
    posts = [rig.deliver(body) for _ in range(3)]
    await asyncio.sleep(0)
    await rig.pipeline.stop(0)
    outcome = await posts[-1]
    assert (outcome.outcome, outcome.detail) == (
        DeliveryOutcome.DEFERRED,
        "the bridge stops, and has not read it",
    )
    late = await rig.deliver(body)
    assert (late.outcome, late.detail) == (DeliveryOutcome.DEFERRED, "the bridge stops, and has not read it")
    assert rig.telemetry.registry.get_sample_value("vod_bridge_internal_errors_total") == 0
