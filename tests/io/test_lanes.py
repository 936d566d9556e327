"""The lanes without a Kafka: what waits where, and who is told."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidTimestampError, TopicAuthorizationFailedError

from bridge.core.partition import hash_of, partition_of
from bridge.io.publisher.buffer_budget import Limits as InFlight
from bridge.io.publisher.lanes import Lanes
from bridge.io.publisher.refusals import is_refusal, reason_of
from bridge.io.publisher.tickets import Batch, Lane
from tests.io.publishing import record
from tests.keeping_contracts import Heard

pytestmark = pytest.mark.asyncio


async def test_what_waits_for_a_topic_that_is_gone_waits_for_its_return() -> None:
    limits = InFlight(most_bytes=10_000, most_records=10)
    lanes = Lanes(limits, on_answer=lambda: None, on_failure=lambda: None)
    owner = Heard()
    lanes.learn({"t": 4})
    first = lanes.send(record("t", "a"), 1, owner)
    lanes.learn({})
    assert owner.words == ["stuck"]
    second = lanes.send(record("t", "a"), 1, Heard())
    assert list(lanes.homeless["t"]) == [first, second]
    lanes.hungry.clear()
    lanes.learn({"t": 1})
    assert lanes.hungry.is_set()
    assert not lanes.homeless
    assert first.withdraw()
    assert second.withdraw()


async def test_the_owners_of_a_batch_that_is_stuck_are_told_again_and_again() -> None:
    lanes = Lanes(InFlight(most_bytes=10_000, most_records=10), lambda: None, lambda: None)
    lanes.learn({"t": 1})
    owner = Heard()
    lanes.send(record("t", "a"), 1, owner)
    lanes.stick_all()
    lanes.stick_all()
    assert owner.words == ["stuck", "stuck"]


async def test_what_waits_in_a_partition_that_is_gone_goes_to_another() -> None:
    lanes = Lanes(InFlight(most_bytes=10_000, most_records=10), lambda: None, lambda: None)
    lanes.learn({"t": 4})
    key = next(key for key in "abcdefgh" if partition_of(hash_of(key.encode()), 4) == 3)
    before = [lanes.send(record("t", key), hash_of(key.encode()), Heard()) for _ in range(2)]
    lanes.learn({"t": 2})
    after = lanes.send(record("t", key), hash_of(key.encode()), Heard())
    assert list(after.queue or ()) == [*before, after]


async def test_one_owners_bug_keeps_the_word_from_nobody_else() -> None:
    bugs: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: bugs.append(told["exception"]))
    lanes = Lanes(InFlight(most_bytes=10_000, most_records=10), lambda: None, lambda: None)
    lanes.learn({"t": 2})
    way, bug, owner = OpenWay(), _Bug(), Heard()
    for hashed, one in enumerate((bug, owner)):
        lanes.send(record("t", "k"), hashed, one)
    await lanes.feed(way)
    lanes.hear([(batch, None) for batch in way.opened])
    assert owner.words == ["written"]
    assert [str(one) for one in bugs] == ["a bug"]


async def test_the_end_of_a_batch_that_was_taken_back_is_not_heard() -> None:
    lanes = Lanes(InFlight(most_bytes=10_000, most_records=10), lambda: None, lambda: None)
    lanes.learn({"t": 1})
    way, owner = OpenWay(), Heard()
    lanes.send(record("t", "k"), 0, owner)
    await lanes.feed(way)
    lanes.reclaim()
    lanes.hear([(way.opened[0], None)])
    assert owner.words == []
    await lanes.feed(way)
    lanes.hear([(way.opened[1], None)])
    assert owner.words == ["written"]


class _Bug(Heard):
    def written(self) -> None:
        raise RuntimeError("a bug")


class OpenWay:
    """Lets everything in, and remembers it."""

    name = "open"

    def __init__(self) -> None:
        self.producer = AIOKafkaProducer()
        self.producer._closed = True  # noqa: SLF001 - it was never started, and would complain of its end
        self.producer.client.cluster.leader_for_partition = lambda _where: 1
        self.opened: list[Batch] = []

    def open(self, lane: Lane) -> Batch:
        self.opened.append(Batch(lane, lambda *_: True))
        return self.opened[-1]

    async def enter(self) -> None:
        """Let in what was opened."""


async def test_a_time_that_the_broker_refuses_closes_the_topic_at_once_and_names_the_clock() -> None:
    assert is_refusal(InvalidTimestampError())
    said = reason_of(InvalidTimestampError())
    assert "the time of this machine, 20" in said
    assert "set the clock" in said
    assert reason_of(TopicAuthorizationFailedError()) == "TopicAuthorizationFailedError"
