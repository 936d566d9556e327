"""What is committed never passes an event that is not done."""

from random import Random

from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as some

from bridge.consumer.offset_tracker import OffsetTracker


@given(
    offsets=some.lists(some.integers(0, 10_000), unique=True, min_size=1, max_size=40).map(sorted),
    chance=some.randoms(use_true_random=False),
)
def test_the_position_is_before_the_first_event_that_is_not_done(
    offsets: list[int],
    chance: Random,
) -> None:
    tracker = OffsetTracker(TopicPartition("t", 0))
    waiting = list(offsets)
    under_way: list[int] = []
    done: set[int] = set()
    while waiting or under_way:
        if waiting and (not under_way or chance.random() < 0.5):
            under_way.append(waiting.pop(0))
            tracker.start(under_way[-1])
        else:
            finished = under_way.pop(chance.randrange(len(under_way)))
            done.add(finished)
            tracker.mark_done(finished)
        started = offsets[: len(offsets) - len(waiting)]
        first_undone = next((offset for offset in started if offset not in done), 10_001)
        assert tracker.position is not None
        assert tracker.position <= first_undone
        assert all(offset < tracker.position for offset in done if offset < first_undone)


def test_nothing_is_committed_of_a_partition_of_which_nothing_was_taken() -> None:
    assert OffsetTracker(TopicPartition("t", 0)).position is None
