"""What may go wrong for a consumer, named for what is to be done. Kafka's own come up as aiokafka's."""

from aiokafka import ConsumerRecord


class Bury(Exception):  # noqa: N818 - it says what to do
    """Raised by a handler: trying again cannot help, put the event on the dead-letter topic at once."""


class CannotBury(Exception):  # noqa: N818 - it says what happened
    """An event could not be handled, and not be kept on a dead-letter topic either: the consumer has stopped.

    The event's position is not committed: it comes first when the consumer runs again.
    """


class Unreadable(Exception):  # noqa: N818 - it says what the record is
    """A record on one of the topics is no canonical event; the bridge writes none such.

    ``record`` is aiokafka's, with its bytes; ``detail`` says what is wrong with it.
    """

    def __init__(self, record: ConsumerRecord, detail: str) -> None:
        super().__init__(f"no event at {record.topic}[{record.partition}]@{record.offset}: {detail}")
        self.record = record
        self.detail = detail
