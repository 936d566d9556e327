"""A consumer group's dead letters, for the console to redrive."""

from aiokafka import AIOKafkaProducer

from tests.end_to_end.environment import Environment


async def write_group_dead_letters(environment: Environment) -> str:
    """Write three dead letters of the group ``catalogue``, as a consumer does; return their topic."""
    letters = f"{environment.dead_letters}.catalogue"
    await environment.kafka.create_topics([letters], 2)
    failure = [("reason", b"failed"), ("attempts", b"5"), ("original_topic", environment.events.encode())]
    async with AIOKafkaProducer(bootstrap_servers=environment.kafka.bootstrap) as producer:
        for number in range(3):
            await producer.send_and_wait(letters, b"{}", key=str(number).encode(), headers=failure)
    return letters
