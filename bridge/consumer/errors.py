"""What may go wrong for a consumer, named for what is to be done. Kafka's own come up as aiokafka's."""

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaConnectionError


class DeadLetterNow(Exception):  # noqa: N818 - it says what to do
    """Raised by a handler: trying again cannot help, put the event on the dead-letter topic at once."""


class DeadLetterError(Exception):
    """An event could not be handled, and not be kept on a dead-letter topic either: the consumer has stopped.

    The event's position is not committed: it comes first when the consumer runs again.
    """


class KafkaUnreachableError(KafkaConnectionError):  # type: ignore[misc] # the library is untyped
    """No address of Kafka answers at the start: the text says of each why, and what to do."""

    def __str__(self) -> str:
        return str(self.args[0])


class NoRecordError(AttributeError):
    """An event that was made by hand was asked for what only its record knows."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"this event was made by hand and has no record, so it has no {name};"
            f" give it one: Event(..., record=aiokafka.ConsumerRecord(...))"
        )


class UnreadableRecordError(Exception):
    """A record on one of the topics is no canonical event; the bridge writes none such.

    ``record`` is aiokafka's, with its bytes; ``detail`` says what is wrong with it.
    """

    def __init__(self, record: ConsumerRecord, detail: str) -> None:
        super().__init__(f"no event at {record.topic}[{record.partition}]@{record.offset}: {detail}")
        self.record = record
        self.detail = detail
