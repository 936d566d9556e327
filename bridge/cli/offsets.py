"""Where the records from a time on begin, also on brokers that cannot find records by their time."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct

Offsets = dict[TopicPartition, int]

NOT_BY_TIME = (
    "this broker cannot find records by time: topics are read from their beginning, which takes longer"
)


class Found(Struct, frozen=True):
    """Where to begin, for each partition; ``by_time`` is False where the broker could not find it.

    It is the beginning of the topics then: what was written before must be left out by whoever reads.
    """

    begins: Offsets
    by_time: bool = True


async def first_since(
    consumer: AIOKafkaConsumer, places: Sequence[TopicPartition], ends: Offsets, since_ms: int
) -> Found:
    """Find the first record of each place that was written at ``since_ms`` (unix ms) or later.

    Where there is none it is the place's end, as in ``ends``. For 0 or less it is the beginning, which every
    broker knows.
    """
    if since_ms <= 0:
        return Found(await consumer.beginning_offsets(places))
    later = await first_at(consumer, places, since_ms)
    if not later:
        begins: Offsets = await consumer.beginning_offsets(places)
        # Each record was written after 1970: a broker that finds none of that time finds none by time.
        filled = [place for place in places if begins[place] < ends[place]]
        if filled and not await first_at(consumer, filled, 0):
            return Found(begins, by_time=False)
    return Found({place: later.get(place, ends[place]) for place in places})


async def first_at(consumer: AIOKafkaConsumer, places: Sequence[TopicPartition], at_ms: int) -> Offsets:
    """Ask for the first offset of ``at_ms`` (unix ms) or later; places without one are left out."""
    found = await consumer.offsets_for_times(dict.fromkeys(places, at_ms))
    return {place: first.offset for place, first in found.items() if first}
