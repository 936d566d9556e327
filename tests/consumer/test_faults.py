"""Every event is handled at least once, in order for each key, whatever happens to who reads it."""

from collections import defaultdict
from itertools import pairwise

import pytest

from tests.consumer.isolated_readers import Readers, ReadEvent
from tests.consumer.records import ConsumerEnvironment
from tests.rig.waiting import eventually

EVENTS = 10_000
FEWER = 4_000
MIDDLE = 1_500
BOTH_FORMS = pytest.mark.parametrize("form", ["loop", "handlers"])


@BOTH_FORMS
async def test_a_kill_in_the_middle_of_ten_thousand_events_loses_none(
    consumer_env: ConsumerEnvironment, readers: Readers, form: str
) -> None:
    await consumer_env.create("TranscodeComplete")
    await consumer_env.publish_transcoded(range(EVENTS))
    options = consumer_env.options | {"session_timeout_ms": 6_000}  # so long the second one waits
    first = readers.start("first", form=form, options=options, hold=MIDDLE)
    await _until_held(readers)
    await eventually(consumer_env.committed, "it has committed something")
    first.kill()
    assert len(readers.events_read("first")) < EVENTS

    readers.start("second", form=form, options=consumer_env.options)
    await _until_all_are_seen(readers, EVENTS)
    assert len(readers.events_read("second")) < EVENTS  # what was committed is not given again
    for name in ("first", "second"):
        assert _in_order(readers.events_read(name))


@BOTH_FORMS
async def test_sigterm_in_the_middle_repeats_nothing_and_loses_nothing(
    consumer_env: ConsumerEnvironment, readers: Readers, form: str
) -> None:
    await consumer_env.create("TranscodeComplete")
    await consumer_env.publish_transcoded(range(FEWER))
    first = readers.start("first", form=form, options=consumer_env.options, hold=MIDDLE)
    await _until_held(readers)
    first.terminate()
    readers.release()
    await eventually(lambda: first.exit_code is not None, "it ends")
    assert first.exit_code == 0, first.log()
    assert len(readers.events_read("first")) < FEWER

    readers.start("second", form=form, options=consumer_env.options)
    await _until_all_are_seen(readers, FEWER)
    both = readers.events_read("first") + readers.events_read("second")
    assert len(both) == FEWER
    assert _in_order(both)


@BOTH_FORMS
async def test_a_second_member_takes_its_part_without_a_loss_a_repeat_or_disorder(
    consumer_env: ConsumerEnvironment, readers: Readers, form: str
) -> None:
    await consumer_env.create("TranscodeComplete")
    await consumer_env.publish_transcoded(range(FEWER // 2))
    readers.start("first", form=form, options=consumer_env.options, hold=MIDDLE)
    await _until_held(readers)
    readers.start("second", form=form, options=consumer_env.options)
    await eventually(lambda: _is_rebalancing(consumer_env), "the group waits for the first")
    readers.release()
    await eventually(lambda: _is_stable(consumer_env), "both have their part")
    await consumer_env.publish_transcoded(range(FEWER // 2, FEWER))
    await _until_all_are_seen(readers, FEWER)
    both = readers.events_read("first") + readers.events_read("second")
    assert len(both) == FEWER
    assert _in_order(sorted(both))
    assert readers.events_read("second")


async def _until_held(readers: Readers) -> None:
    await eventually(lambda: len(readers.events_read("first")) >= MIDDLE, "it is in the middle", every_s=0.1)


async def _until_all_are_seen(readers: Readers, events: int) -> None:
    wanted = set(range(events))
    await eventually(
        lambda: _numbers(readers, "first", "second") == wanted,
        "every event was in somebody's hands",
        every_s=0.1,
    )


def _numbers(readers: Readers, *names: str) -> set[int]:
    return {one.number for name in names for one in readers.events_read(name)}


def _in_order(seen: list[ReadEvent]) -> bool:
    """Tell whether the numbers of each key only rise."""
    numbers_by_key: defaultdict[str, list[int]] = defaultdict(list)
    for one in seen:
        numbers_by_key[one.key].append(one.number)
    return bool(seen) and all(a < b for numbers in numbers_by_key.values() for a, b in pairwise(numbers))


async def _is_rebalancing(consumer_env: ConsumerEnvironment) -> bool:
    return (await consumer_env.group_state())[0] == "PreparingRebalance"


async def _is_stable(consumer_env: ConsumerEnvironment) -> bool:
    return await consumer_env.group_state() == ("Stable", 2)
