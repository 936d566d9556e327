"""For the services downstream: read the bridge's topics as typed events, at least once.

Everything a consumer uses is named here. It needs the packages aiokafka and msgspec, and nothing else of ours
but the core::

    from bridge.consumer import subscribe

    async for event in subscribe("TranscodeComplete", group="catalogue", bootstrap_servers="kafka:9092"):
        event.payload.PlayInfoSet

or, with several handlers at work at once, retries and a dead-letter topic::

    from bridge.consumer import Consumer

    consumer = Consumer(group="catalogue", bootstrap_servers="kafka:9092")

    @consumer.on("TranscodeComplete")
    async def remember(event): ...

    await consumer.run()

**What at-least-once means for you.** Every event of the topics is delivered to your group, none is skipped.
An event counts as done when the body of the loop (or the handler) has ended for it; only then may its
offset be committed. After a crash, a SIGKILL, a lost connection to Kafka, or where a partition moves to
another member before you were done, some events are delivered *again*: those in progress, and those that were
done and not yet committed (of about the last second: ``commit_interval_s``). The bridge, too, may publish
an occurrence twice after a fault, at two offsets. Both kinds of repeats carry the same ``event.id``. So
make the work idempotent, with ``event.id`` as its key: an upsert, a unique index, or `once`, which remembers
the id in the same transaction as the work (Postgres) or beside it (Redis). A clean stop
(`Consumer.stop`, `Subscription.stop`, a signal that ``stop_on`` names) repeats nothing, as long as what is in
progress ends within ``drain_timeout_s``.

**Order.** Events of one key (``event.key``: the file's id, else the task's) on one topic come in the order in
which they stand in Kafka, in both forms. Between keys, and between topics, there is none.

**Types.** `bridge.consumer.payloads` has the payload of each type by the type's name. With one type, a type
checker knows it: a wrong field, type or ``outcome`` is an error before the program runs.

**Other clients.** `decode` makes an event of what any client of Kafka has read.

**Unknown values.** Values and fields that this version does not know are no error: a value is a plain text,
and `Event.raw` holds every field there is. A payload that does not fit its type is a ``dict``, and
``event.typed`` is False; so it is for a type that the catalogue does not know.

**Security.** ``security_protocol``, ``ssl_context``, ``sasl_…`` and the like are passed to aiokafka. The
user needs Read and Describe on the topics and Read on the group, and Write on the dead-letter topic; for dead
letters that are redriven also Read and Describe on ``<dead-letter topic>.retry``.
"""

from bridge.consumer.errors import (
    DeadLetterError,
    DeadLetterNow,
    InProgressError,
    KafkaUnreachableError,
    NoRecordError,
    UnreadableRecordError,
)
from bridge.consumer.event import Delivery, Event, Failure, decode
from bridge.consumer.handlers import Consumer
from bridge.consumer.once import POSTGRES_TABLE, once
from bridge.consumer.options import ConsumerOptions, Options
from bridge.consumer.overloads import UnlistedType, subscribe
from bridge.consumer.payloads import EventType
from bridge.consumer.subscription import Subscription
from bridge.consumer.topics import OTHER, TYPES

__all__ = [
    "OTHER",
    "POSTGRES_TABLE",
    "TYPES",
    "Consumer",
    "ConsumerOptions",
    "DeadLetterError",
    "DeadLetterNow",
    "Delivery",
    "Event",
    "EventType",
    "Failure",
    "InProgressError",
    "KafkaUnreachableError",
    "NoRecordError",
    "Options",
    "Subscription",
    "UnlistedType",
    "UnreadableRecordError",
    "decode",
    "once",
    "subscribe",
]
