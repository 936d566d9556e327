"""The errors of a consumer, named for what is to be done. Kafka's own are raised as aiokafka raises them."""

from typing import TYPE_CHECKING

from aiokafka.errors import KafkaConnectionError

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord


class DeadLetterNow(Exception):  # noqa: N818 - an instruction to the consumer, not a failure of ours
    """Raised by a handler: a retry cannot help, write the event to the dead-letter topic at once."""


class InProgressError(Exception):
    """Another process works on this event now, or died at it. A handler lets it be raised.

    `Consumer` tries the event again after growing pauses, however often: it is no attempt.
    """


class DeadLetterError(Exception):
    """An event was neither handled nor written to a dead-letter topic: the consumer has stopped.

    The event's offset is not committed: it comes first when the consumer runs again.
    """


class KafkaUnreachableError(KafkaConnectionError):  # type: ignore[misc] # the library is untyped
    """No address of Kafka answers at the start: the text gives the reason for each, and what to do."""

    def __str__(self) -> str:
        return str(self.args[0])


class NoRecordError(AttributeError):
    """An event built without a record was asked for what only a record has."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"this event was made without its record, so it has no {name};"
            f" give it one: Event(..., record=aiokafka.ConsumerRecord(...))"
        )


class UnreadableRecordError(Exception):
    """A record on one of the topics is no canonical event; the bridge writes none such.

    ``record`` is aiokafka's, with its bytes, None from `decode`; ``detail`` says what is wrong with it.
    """

    def __init__(self, record: "ConsumerRecord | None", detail: str) -> None:
        position = f" at {record.topic}[{record.partition}]@{record.offset}" if record is not None else ""
        super().__init__(f"no event{position}: {detail}")
        self.record = record
        self.detail = detail
