"""What makes the clients of Kafka that a consumer uses: aiokafka's, or those of `bridge.consumer.testing`."""

from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


class KafkaClients(Protocol):
    """Makes clients with the methods of `AIOKafkaConsumer` and `AIOKafkaProducer`, from their options."""

    def new_consumer(self, **options: Any) -> Any:  # noqa: ANN401 - the library is untyped
        """Make a member of a group; it is started later."""

    def new_producer(self, **options: Any) -> Any:  # noqa: ANN401 - the same
        """Make a producer; it is started later."""


class AiokafkaClients:
    """The library's own."""

    def new_consumer(self, **options: Any) -> Any:  # noqa: ANN401 - see above
        """Make a member of a group."""
        return AIOKafkaConsumer(**options)

    def new_producer(self, **options: Any) -> Any:  # noqa: ANN401 - see above
        """Make a producer."""
        return AIOKafkaProducer(**options)
