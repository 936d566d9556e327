"""Handlers: retries, dead letters with their reason, nothing skipped; the order of a key is kept."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.consumer import OTHER, Consumer, DeadLetterError, DeadLetterNow, Event, InProgressError
from tests.consumer.fake_environment import EVERY_KAFKA, environment_of
from tests.consumer.records import ConsumerEnvironment, record_of, transcoded
from tests.rig.waiting import WITHIN_S, eventually

KAFKA_NAMES = ("topic", "partition", "offset", "group", "delivery.count", "message")


@pytest.fixture(params=EVERY_KAFKA)
def consumer_env(request: pytest.FixtureRequest) -> ConsumerEnvironment:
    """Give topics of a real Kafka, and such in memory."""
    return environment_of(request)


FAST_RETRIES = {"attempts": 3, "backoff_s": 0.01}


class RecordingHandler:
    """What a handler was given, by key; ``poison`` are tasks at which it raises, ``error`` what."""

    def __init__(
        self, failing_tasks: Sequence[str] = (), error: type[BaseException] = ZeroDivisionError
    ) -> None:
        self.done: defaultdict[str, list[str]] = defaultdict(list)
        self.attempted: list[str] = []
        self._failing_tasks = failing_tasks
        self._error = error

    async def handle(self, event: Event[Any]) -> None:
        task = event.task_id or ""
        self.attempted.append(task)
        if task in self._failing_tasks:
            raise self._error("no good")
        self.done[event.key].append(task)

    @property
    def count(self) -> int:
        return sum(map(len, self.done.values()))


def _consumer(consumer_env: ConsumerEnvironment, handler: RecordingHandler, **options: Any) -> Consumer:  # noqa: ANN401 - any option
    consumer = Consumer(
        **consumer_env.options
        | {"dead_letter_topic": consumer_env.dead_letter_topic}
        | FAST_RETRIES
        | options
    )
    consumer.on("TranscodeComplete")(handler.handle)
    return consumer


@contextlib.asynccontextmanager
async def _running(consumer: Consumer) -> AsyncIterator[None]:
    running = asyncio.create_task(consumer.run())
    try:
        yield
    finally:
        consumer.stop()
        async with asyncio.timeout(WITHIN_S):
            await running


async def test_a_poison_message_goes_to_the_dead_letters_as_it_is_with_its_reason(
    consumer_env: ConsumerEnvironment,
) -> None:
    await consumer_env.create("TranscodeComplete", "dead-letter.readers")
    await consumer_env.publish_transcoded(range(200), keys=10)
    handler = RecordingHandler(failing_tasks=["55"])
    async with _running(_consumer(consumer_env, handler)):
        await eventually(lambda: handler.count == 199, "the others are handled")
        await eventually(consumer_env.dead_letter_records, "the poison message is a dead letter")
    (dead_letter,) = await consumer_env.dead_letter_records()
    record = record_of(transcoded("55", "file-5"), consumer_env.routing)
    assert (dead_letter.key, dead_letter.value) == (record.key, record.value)
    assert dead_letter.headers[: len(record.headers)] == tuple(record.headers)
    headers = dict(dead_letter.headers[len(record.headers) :])
    topic = f"{consumer_env.name}.TranscodeComplete".encode()
    offset, partition = headers.pop("original_offset"), headers.pop("original_partition")
    assert (offset.isdigit(), partition in (b"0", b"1", b"2", b"3")) == (True, True)
    kafka_names = {name: headers.pop(f"__dlq.errors.{name}") for name in KAFKA_NAMES}
    assert list(kafka_names.values()) == [
        topic,
        partition,
        offset,
        consumer_env.group.encode(),
        b"3",
        b"no good",
    ]
    assert headers == {
        "reason": b"failed",
        "detail": b"no good",
        "error_type": b"ZeroDivisionError",
        "attempts": b"3",
        "original_topic": topic,
    }
    assert handler.attempted.count("55") == 3
    assert all(tasks == sorted(tasks, key=int) for tasks in handler.done.values())
    assert await consumer_env.committed() == 200


async def test_a_key_waits_for_its_failing_event_and_the_others_do_not(
    consumer_env: ConsumerEnvironment,
) -> None:
    await consumer_env.create("TranscodeComplete", "dead-letter.readers", partitions=1)
    await consumer_env.publish_transcoded([0, 1, 10, 11], keys=10)
    handler = RecordingHandler(failing_tasks=["0"])
    async with _running(
        _consumer(consumer_env, handler, backoff_s=3_600, backoff_max_s=3_600, drain_timeout_s=0.1)
    ):
        await eventually(lambda: handler.done["file-1"] == ["1", "11"], "the other key goes on")
        assert handler.attempted.count("10") == 0
    assert await consumer_env.committed() == 0


async def test_an_event_that_is_given_up_at_once_is_tried_once(consumer_env: ConsumerEnvironment) -> None:
    await consumer_env.create("TranscodeComplete", "dead-letter.readers")
    await consumer_env.publish_transcoded([1])
    handler = RecordingHandler(failing_tasks=["1"], error=DeadLetterNow)
    async with _running(_consumer(consumer_env, handler)):
        dead_letters = await eventually(consumer_env.dead_letter_records, "the dead letter is written")
    assert [(one.header("reason"), one.header("attempts")) for one in dead_letters] == [("buried", "1")]


async def test_a_cancellation_that_a_handler_raises_is_an_error_like_others(
    consumer_env: ConsumerEnvironment,
) -> None:
    await consumer_env.create("TranscodeComplete", "dead-letter.readers")
    await consumer_env.publish_transcoded(range(20), keys=5)
    handler = RecordingHandler(failing_tasks=["7"], error=asyncio.CancelledError)
    async with _running(_consumer(consumer_env, handler)):
        dead_letters = await eventually(consumer_env.dead_letter_records, "the dead letter is written")
        await eventually(lambda: handler.count == 19, "the others of its key are handled")
    assert [(one.header("error_type"), one.header("attempts")) for one in dead_letters] == [
        ("CancelledError", "3")
    ]
    assert await consumer_env.committed() == 20


async def test_an_error_without_text_does_not_keep_its_event_from_the_dead_letters(
    consumer_env: ConsumerEnvironment,
) -> None:
    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    await consumer_env.create("TranscodeComplete", "dead-letter.readers")
    await consumer_env.publish_transcoded([1])
    async with _running(
        _consumer(consumer_env, RecordingHandler(failing_tasks=["1"], error=UnprintableError))
    ):
        (dead_letter,) = await eventually(consumer_env.dead_letter_records, "the dead letter is written")
    assert (dead_letter.header("detail"), dead_letter.header("reason")) == ("", "failed")


async def test_what_is_no_exception_stops_it_and_is_raised(consumer_env: ConsumerEnvironment) -> None:
    class StopEverything(BaseException):
        pass

    await consumer_env.create("TranscodeComplete", "dead-letter.readers", partitions=1)
    await consumer_env.publish_transcoded([0, 1], keys=1)
    with pytest.raises(StopEverything):
        async with asyncio.timeout(WITHIN_S):
            await _consumer(consumer_env, RecordingHandler(failing_tasks=["1"], error=StopEverything)).run()
    assert await consumer_env.committed() == 1


async def test_a_handler_that_is_not_async_stops_it_and_writes_no_dead_letter(
    consumer_env: ConsumerEnvironment,
) -> None:
    await consumer_env.create("TranscodeComplete", "dead-letter.readers", partitions=1)
    await consumer_env.publish_transcoded([0])
    consumer = Consumer(
        **consumer_env.options | {"dead_letter_topic": consumer_env.dead_letter_topic} | FAST_RETRIES
    )
    consumer.on("TranscodeComplete")(lambda event: event.id)  # type: ignore[arg-type, return-value] # as typed by one without a checker
    with pytest.raises(TypeError, match="a handler must be async"):
        async with asyncio.timeout(WITHIN_S):
            await consumer.run()
    assert await consumer_env.dead_letter_records() == []
    assert await consumer_env.committed() == 0


async def test_a_record_that_is_no_event_becomes_a_dead_letter_too(consumer_env: ConsumerEnvironment) -> None:
    await consumer_env.create("TranscodeComplete", "dead-letter.readers", partitions=1)
    bad = replace(record_of(transcoded("bad", "f"), consumer_env.routing), value=b"nonsense")
    await consumer_env.publish([bad, record_of(transcoded("good", "f"), consumer_env.routing)])
    handler = RecordingHandler()
    async with _running(_consumer(consumer_env, handler)):
        await eventually(lambda: handler.count, "the good one is handled")
    (dead_letter,) = await consumer_env.dead_letter_records()
    assert (dead_letter.value, dead_letter.header("reason")) == (b"nonsense", "unreadable")
    assert await consumer_env.committed() == 2


async def test_without_the_dead_letter_topic_it_does_not_begin(consumer_env: ConsumerEnvironment) -> None:
    await consumer_env.create("TranscodeComplete")
    await consumer_env.publish_transcoded([1])
    handler = RecordingHandler()
    with pytest.raises(DeadLetterError, match=r"dead-letter\.readers does not exist. Create it"):
        await _consumer(consumer_env, handler).run()


@pytest.mark.parametrize("goes", [True, False])
async def test_a_dead_letter_that_cannot_be_written_stops_it_and_comes_first_again(
    consumer_env: ConsumerEnvironment, *, goes: bool
) -> None:
    await consumer_env.create("TranscodeComplete", "dead-letter.readers", partitions=1)
    handler = RecordingHandler(failing_tasks=["1"])
    options: dict[str, Any] = {} if goes else {"dead_letter_topic": None}
    running = asyncio.create_task(_consumer(consumer_env, handler, **options).run())
    await consumer_env.publish_transcoded([0])
    await eventually(lambda: handler.count, "it runs")
    if goes:
        await consumer_env.delete(consumer_env.dead_letter_topic)
    await consumer_env.publish_transcoded([1, 2], keys=1)
    why = None if goes else "The consumer stops, since dead_letter_topic is None"
    with pytest.raises(DeadLetterError, match=why):
        async with asyncio.timeout(WITHIN_S):
            await running
    assert await consumer_env.committed() == 1
    assert handler.done == {"file-0": ["0"]}


async def test_stop_finishes_what_is_started_and_repeats_nothing(consumer_env: ConsumerEnvironment) -> None:
    await consumer_env.create("TranscodeComplete", "dead-letter.readers", partitions=1)
    await consumer_env.publish_transcoded(range(100))
    started, release, done = 0, asyncio.Event(), []
    consumer = Consumer(**consumer_env.options, dead_letter_topic=None, concurrency=4)

    @consumer.on("TranscodeComplete")
    async def wait_for_release(event: Event[Any]) -> None:
        nonlocal started
        started += 1
        await release.wait()
        done.append(event.offset)

    async with _running(consumer):
        await eventually(lambda: started == 4, "as many as may be are at work")
        consumer.stop()
        release.set()
    assert done == [0, 1, 2, 3]
    assert await consumer_env.committed() == 4


async def test_others_have_their_handler_and_a_type_has_one(consumer_env: ConsumerEnvironment) -> None:
    await consumer_env.create("TranscodeComplete", "other", "dead-letter.readers")
    await consumer_env.publish_transcoded([1])
    await consumer_env.publish(
        [record_of(b'{"EventType":"Novelty","NoveltyEvent":{"TaskId":"n"}}', consumer_env.routing)]
    )
    handler, others = RecordingHandler(), RecordingHandler()
    consumer = _consumer(consumer_env, handler)
    consumer.on(OTHER)(others.handle)
    with pytest.raises(ValueError, match="TranscodeComplete has a handler already"):
        consumer.on("TranscodeComplete")(handler.handle)
    with pytest.raises(ValueError, match="name at least one type"):
        consumer.on()
    async with _running(consumer):
        await eventually(lambda: (handler.attempted, others.attempted) == (["1"], ["n"]), "each has its own")
        assert set((await consumer.lag()).values()) == {0}
        with pytest.raises(RuntimeError, match="runs already"):
            await consumer.run()
    assert await consumer.lag() == {}


async def test_an_event_that_another_process_works_on_is_waited_for_and_is_no_dead_letter(
    consumer_env: ConsumerEnvironment,
) -> None:
    await consumer_env.create("TranscodeComplete", "dead-letter.readers")
    await consumer_env.publish_transcoded([1])
    busy = ["1"]
    handler = RecordingHandler(failing_tasks=busy, error=InProgressError)
    async with _running(_consumer(consumer_env, handler)):
        await eventually(lambda: len(handler.attempted) > 2 * FAST_RETRIES["attempts"], "it is waited for")
        busy.clear()
        await eventually(lambda: handler.count == 1, "the other process is done")
    assert await consumer_env.dead_letter_records() == []
    assert await consumer_env.committed() == 1
