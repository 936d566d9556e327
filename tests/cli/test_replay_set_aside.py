"""Dead letters that always fail are set aside; those of a consumer group go back to it by the command."""

import json
from collections.abc import Iterable

from aiokafka import TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError
from msgspec.structs import replace

from bridge.operations.dead_letter_overview import dead_letter_overview
from bridge.operations.offset_store import GroupOffsetStore, StoredOffset
from bridge.operations.replay.attempt_counter import MAX_ATTEMPTS, AttemptCounter
from bridge.operations.replay.dead_letters import DeadLetterSelection
from bridge.operations.topic_range import TimeRange
from bridge.wiring import now_ms
from tests.cli.replay_harness import GROUP, ReplayHarness, edited_notifications
from tests.end_to_end.notifications import edited_id


async def test_what_five_replays_reject_is_set_aside_until_it_is_asked_for(harness: ReplayHarness) -> None:
    (task, _), (body, late) = edited_notifications(2)
    await harness.write_dead_letters(b"{", reason="malformed")
    for _ in range(MAX_ATTEMPTS):
        assert (await harness.run_dead_letters()).outcomes == {"rejected": 1}
    await harness.write_dead_letters(body)
    result = await harness.replay("--dead-letters", "--execute")
    assert (result.code, "1 published" in result.out) == (0, True)
    assert "left as they are: 1 set aside after 5 failed replays" in result.out
    assert "--max-attempts 0 tries it all the same" in result.out
    assert await harness.environment.ids() == [edited_id(task)]
    # It stays open: a later release, or a person, may try it.
    plan = await harness.replay("--dead-letters", "--max-attempts", "0", "--json")
    assert json.loads(plan.out)["endings"] == {"rejected": 1}
    groups = await dead_letter_overview(harness.load_settings(), now_ms())
    assert [(one.reason, one.pending, one.set_aside) for one in groups] == [
        ("malformed", 1, 1),
        ("no_payload", 0, 0),
    ]
    assert groups[0].records[0].failed_replays == MAX_ATTEMPTS
    # Counts of what a later replay does not look at are kept.
    await harness.write_dead_letters(late)
    recent = DeadLetterSelection(group=GROUP, time_range=TimeRange(now_ms() - 1))
    assert (await harness.run_dead_letters(recent)).skipped == {}
    groups = await dead_letter_overview(harness.load_settings(), now_ms())
    assert {one.reason: one.set_aside for one in groups} == {"malformed": 1, "no_payload": 0}


async def test_where_the_counts_may_not_be_read_a_replay_goes_on_and_reports_it() -> None:
    class RefusingStore(GroupOffsetStore):
        async def read_stored(
            self, topic_partitions: Iterable[TopicPartition]
        ) -> dict[TopicPartition, StoredOffset]:
            raise GroupAuthorizationFailedError(topic_partitions)

    counter = AttemptCounter({}, GROUP, store=RefusingStore({}, GROUP))
    position = TopicPartition("dead-letters", 0)
    await counter.load({position: 0}, {position: 1})
    counter.add_failure(position, 0)
    await counter.save()
    assert "may not read the group vod-bridge-replay.attempts" in counter.problem


async def test_a_group_s_dead_letters_are_redriven_by_the_command_again_where_that_is_asked_for(
    harness: ReplayHarness,
) -> None:
    letters = f"{harness.environment.dead_letters}.catalogue"
    await harness.environment.kafka.create_topics([letters], 2)
    await harness.write(replace(harness.dead_letter_record(b"{}", reason="failed"), topic=letters))
    group = ("--dead-letters-of", "catalogue")
    plan = await harness.replay(*group)
    assert (plan.code, "1 would be published" in plan.out) == (0, True)
    for left in (None, "no dead letters to replay\n"):
        result = await harness.replay(*group, "--reason", "failed", "--execute")
        assert (result.code, left or result.out) == (0, result.out)
    again = await harness.replay(*group, "--restart", "--execute")
    assert (again.code, "1 published" in again.out, "they are on" in again.out) == (0, True, True)
    assert len(await harness.environment.records(f"{letters}.retry")) == 2
    for wrong in (("--reason", "no_payload"), ("--app", "default"), ("--without-dedup",)):
        refused = await harness.replay(*group, *wrong)
        assert refused.code == 2, refused
    for name, problem in (("nobody", "has no dead letters"), ("catalogue.retry", "is a retry topic")):
        nothing = await harness.replay("--dead-letters-of", name)
        assert (nothing.code, problem in nothing.err) == (1, True), nothing


async def test_what_the_retry_topic_refuses_five_times_is_set_aside_and_the_reason_is_reported(
    harness: ReplayHarness,
) -> None:
    letters = f"{harness.environment.dead_letters}.catalogue"
    await harness.environment.kafka.create_topics([letters], 1)
    retry_topic = f"{letters}.retry"
    await harness.environment.kafka.create_topics([retry_topic], 1, {"max.message.bytes": "2000"})
    large = harness.dead_letter_record(b"x" * 4_000, reason="failed")
    await harness.write(replace(large, topic=letters))
    redrive = ("--dead-letters-of", "catalogue", "--execute")
    for _ in range(MAX_ATTEMPTS):
        refused = await harness.replay(*redrive)
        assert (refused.code, "rejected" in refused.out) == (1, True), refused
        assert "too_large" in refused.err
        assert f"{retry_topic} refused" in refused.out
        assert "raise the topic's max.message.bytes" in refused.out
    await harness.write(replace(harness.dead_letter_record(b"{}", reason="failed"), topic=letters))
    result = await harness.replay(*redrive)
    assert (result.code, "1 published" in result.out) == (0, True), result
    assert "left as they are: 1 set aside after 5 failed replays" in result.out
    assert "refused what was rejected" not in result.out
    assert (await harness.replay(*redrive)).code == 0
    tried = await harness.replay(*redrive, "--max-attempts", "0")
    assert (tried.code, "1 rejected" in tried.out, "one is set aside" in tried.out) == (1, True, False), tried
