"""A clock that differs from Kafka's by more than a topic allows is named, and no event is lost meanwhile."""

import uuid

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited_id, new_task
from tests.end_to_end.senders import send
from tests.rig.kafka import RealKafka
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

# As one of a machine whose clock is an hour ahead would be, each record is refused: on its way it gets older
# than this.
REFUSING = {"message.timestamp.before.max.ms": "1"}
NETWORK_DELAY_S = 0.05
EVENTS = 5


@pytest.mark.services
async def test_a_clock_that_kafka_refuses_is_named_and_the_events_wait_in_the_spool(
    own_kafka: RealKafka, redis: RealRedis
) -> None:
    environment = Environment(kafka=own_kafka, redis=redis, name=f"clock-{uuid.uuid4().hex[:8]}")
    await own_kafka.create_topics([environment.events], configs=REFUSING)
    await own_kafka.create_topics([environment.other, environment.dead_letters])
    tasks = [new_task() for _ in range(EVENTS)]
    proxied = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": own_kafka.proxied}
    with own_kafka.open_proxy() as network:
        network.delay(NETWORK_DELAY_S)
        async with running(environment, proxied) as program:
            assert [(await send(program, task)).outcome for task in tasks] == ["spooled"] * EVENTS
            assert (await program.post(b"no event")).json["outcome"] == "rejected"  # another topic
            await eventually(lambda: "set the clock" in program.log(), "the clocks' difference is named")
            replaced = await program.metric("vod_bridge_kafka_producer_replacements_total")
            await allow(environment)
            await eventually(lambda: _is_drained(environment), "the spool is drained")
    assert replaced < EVENTS  # each refusal costs a producer, and blocks the topic for longer and longer
    assert await environment.ids() == sorted(map(edited_id, tasks))


async def allow(environment: Environment) -> None:
    """Let the topic accept records of any time."""
    admin = AIOKafkaAdminClient(bootstrap_servers=environment.kafka.bootstrap)
    await admin.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, environment.events, configs={})
        await admin.alter_configs([resource])
    finally:
        await admin.close()


async def _is_drained(environment: Environment) -> bool:
    return len(await environment.ids()) == EVENTS
