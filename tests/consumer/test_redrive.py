"""A group's dead letters go back to that group alone, and are set aside where they always fail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from bridge.consumer import Consumer, Event
from bridge.consumer.topics import OTHER, build_topic_filter
from bridge.core.group_dead_letter import origin_of, redrives_of, retry_headers, retry_topic_of
from bridge.operations.replay.attempt_counter import REPLAY_GROUP
from bridge.operations.replay.redrive import GroupRedrive, RedriveSelection
from bridge.operations.replay.report import ItemResult, ReplaySummary
from bridge.settings.settings import load
from tests.consumer.records import ConsumerEnvironment
from tests.rig.consume import Consumed, read_all
from tests.rig.waiting import WITHIN_S, eventually


class _Reporter:
    """Counts."""

    def __init__(self) -> None:
        self.summary = ReplaySummary(unit="dead letters", dry_run=False)

    def set_total(self, total: int | None) -> None:
        del total

    def set_done(self, done: int) -> None:
        del done

    def add_result(self, result: ItemResult) -> None:
        self.summary.count(result)


class _Service:
    """A consumer of its own group; ``failing`` are the tasks that it cannot handle."""

    def __init__(self, consumer_env: ConsumerEnvironment, group: str, **options: Any) -> None:  # noqa: ANN401 - any option
        self.group = f"{consumer_env.name}-{group}"
        self.env = consumer_env
        self.failing: set[str] = set()
        self.done: list[str] = []
        self.seen: list[Event[Any]] = []
        self.consumer = Consumer(
            **consumer_env.options
            | {
                "group": self.group,
                "dead_letter_topic": f"{consumer_env.name}.dead-letter.{{group}}",
                "attempts": 1,
                "metadata_max_age_ms": 500,
            }
            | options
        )
        self.consumer.on("TranscodeComplete")(self._handle)

    async def _handle(self, event: Event[Any]) -> None:
        self.seen.append(event)
        if event.task_id in self.failing:
            raise ZeroDivisionError("no good")
        self.done.append(event.task_id or "")

    async def dead_letters(self, number: int) -> list[Consumed]:
        async def found() -> list[Consumed]:
            records = await read_all(
                self.env.options["bootstrap_servers"], [f"{self.env.name}.dead-letter.{self.group}"]
            )
            return records if len(records) == number else []

        return await eventually(found, f"there are {number} dead letters")

    async def redrive(self, **selection: Any) -> ReplaySummary:  # noqa: ANN401 - any member
        settings = load(
            None,
            {
                "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": self.env.options["bootstrap_servers"],
                "BRIDGE_KAFKA__TOPIC_DEAD_LETTER": f"{self.env.name}.dead-letter",
                "BRIDGE_REDIS__URL": "redis://127.0.0.1:1",  # a redrive needs none
            },
        )
        wanted = RedriveSelection(group=self.group, progress_group=REPLAY_GROUP, **selection)
        reporter = _Reporter()
        await GroupRedrive(settings, wanted).run(reporter, asyncio.Event())
        return reporter.summary

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        running = asyncio.create_task(self.consumer.run())
        try:
            yield
        finally:
            self.consumer.stop()
            async with asyncio.timeout(WITHIN_S):
                await running


async def _create(consumer_env: ConsumerEnvironment, *services: _Service) -> None:
    letters = [f"dead-letter.{service.group}" for service in services]
    await consumer_env.create("TranscodeComplete", *letters, partitions=2)


async def test_a_dead_letter_is_redriven_to_its_group_alone_and_once(
    consumer_env: ConsumerEnvironment,
) -> None:
    failing, other = _Service(consumer_env, "failing"), _Service(consumer_env, "other")
    await _create(consumer_env, failing, other)
    await consumer_env.publish_transcoded(range(10))
    failing.failing = {"7"}
    async with failing.running(), other.running():
        await failing.dead_letters(1)
        await eventually(lambda: len(other.done) == 10 and len(failing.done) == 9, "all is handled")
        failing.failing = set()
        summary = await failing.redrive()
        assert (summary.outcomes, summary.skipped) == ({"published": 1}, {})
        assert retry_topic_of(f"{consumer_env.name}.dead-letter.{failing.group}") in summary.note
        await eventually(lambda: "7" in failing.done, "the redriven event is handled")
        assert (await failing.redrive()).processed == 0
    first, again = (event for event in failing.seen if event.task_id == "7")
    assert (first.id, first.key) == (again.id, again.key)
    assert again.headers["redrives"] == "1"
    assert again.headers["original_topic"] == f"{consumer_env.name}.TranscodeComplete"
    assert not [name for name in again.headers if name in ("reason", "attempts") or name.startswith("__dlq")]
    assert sorted(other.done, key=int) == [str(number) for number in range(10)]


async def test_what_fails_after_each_redrive_keeps_its_origin_and_is_set_aside(
    consumer_env: ConsumerEnvironment,
) -> None:
    service = _Service(consumer_env, "failing")
    await _create(consumer_env, service)
    await consumer_env.publish_transcoded([1])
    service.failing = {"1"}
    async with service.running():
        await service.dead_letters(1)
        assert (await service.redrive(max_attempts=1)).outcomes == {"published": 1}
        letters = await service.dead_letters(2)
        assert [redrives_of(one.headers) for one in letters] == [0, 1]
        assert {origin_of(one.headers) for one in letters} == {origin_of(letters[0].headers)}
        assert [one.header("attempts") for one in letters] == ["1", "1"]
        names = [name for name, _ in letters[1].headers]
        assert len(names) == len(set(names))
        left = await service.redrive(max_attempts=1)
        assert (left.processed, left.skipped) == (0, {"set aside after 1 failed replays": 1})
        assert (await service.redrive(max_attempts=0)).outcomes == {"published": 1}
        await service.dead_letters(3)


async def test_a_group_that_starts_at_the_end_still_gets_what_was_redriven_before(
    consumer_env: ConsumerEnvironment,
) -> None:
    service = _Service(consumer_env, "late", start="latest")
    await _create(consumer_env, service)
    failed_before = _Service(consumer_env, "late")
    failed_before.failing = {"1"}
    await consumer_env.publish_transcoded([1])
    async with failed_before.running():
        await service.dead_letters(1)
    await service.redrive()
    async with service.running():
        await eventually(lambda: service.done == ["1"], "the redriven event is handled")


def test_an_event_of_no_known_type_is_matched_by_the_topic_that_it_was_on_first() -> None:
    topic_filter = build_topic_filter(
        [OTHER], "vod.{type}", "vod.other", retry_topic="vod.dead-letter.a.retry"
    )

    class _Event:
        app, type, topic = "shop", "NewType", "vod.dead-letter.a.retry"
        headers = {"original_topic": "vod.other"}  # noqa: RUF012 - never changed

    event: Any = _Event()
    assert topic_filter.matches(event)
    event.headers = {"original_topic": "elsewhere"}
    assert not topic_filter.matches(event)


def test_of_a_record_without_an_origin_the_count_is_kept_and_no_origin_is_made_up() -> None:
    headers: list[tuple[str, bytes | None]] = [("ce_id", b"a"), ("reason", b"failed"), ("nothing", None)]
    assert origin_of(headers) is None
    assert retry_headers(headers) == [("ce_id", b"a"), ("nothing", b""), ("redrives", b"1")]
    for broken in (b"many", b"9" * 20, b"", b"-1"):
        assert redrives_of([("redrives", broken)]) == 0
