"""For the tests of a service that consumes: example events, and a Kafka in memory.

::

    from bridge.consumer.testing import FakeKafka, example_event

    async def test_a_transcoded_file_is_in_the_catalogue():
        await remember(example_event("TranscodeComplete", FileId="5285890784273533167"))

    async def test_the_consumer_handles_it():
        kafka = FakeKafka()
        kafka.publish(example_event("TranscodeComplete"))
        consumer = build_consumer(clients=kafka, dead_letter_topic=None)  # your own code passes it on
        ...

`FakeKafka` has topics, partitions, groups with several members, commits and lag, and passes the tests that
hold the consumer to a real Kafka. It has no network: what a lost connection does is not shown by it.
"""

from bridge.consumer.testing.example import example_event, example_types
from bridge.consumer.testing.fake_kafka import FakeKafka

__all__ = ["FakeKafka", "example_event", "example_types"]
