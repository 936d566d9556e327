"""The rig does what the tests that lean on it believe."""

import asyncio
import time
import uuid

import pytest
from aiokafka import AIOKafkaProducer

from tests.rig.consume import read_all
from tests.rig.kafka import RealKafka
from tests.rig.redis import RealRedis
from tests.rig.waiting import TooLate, eventually


async def test_waiting_gives_what_was_seen_or_says_what_was_not() -> None:
    seen = iter([0, 0, 7])
    assert await eventually(lambda: next(seen), "a number") == 7
    with pytest.raises(TooLate, match="a miracle"):
        await eventually(lambda: False, "a miracle", within_s=0.05)


async def test_what_is_sent_to_kafka_is_read_back_in_order(kafka: RealKafka) -> None:
    topic = f"rig-{uuid.uuid4()}"
    await kafka.create_topics([topic], partitions=2, configs={"max.message.bytes": "1000000"})
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    await producer.start()
    for number in range(3):
        await producer.send_and_wait(
            topic, b"v%d" % number, b"k", headers=[("h", b"x")], partition=number % 2
        )
    await producer.stop()

    found = await read_all(kafka.bootstrap, [topic, "no-such-topic"])

    assert [(record.partition, record.offset, record.value) for record in found] == [
        (0, 0, b"v0"),
        (0, 1, b"v2"),
        (1, 0, b"v1"),
    ]
    assert found[0].key == b"k"
    assert found[0].header("h") == "x"


async def test_a_frozen_kafka_takes_nothing_until_it_is_thawed(own_kafka: RealKafka) -> None:
    topic = f"rig-{uuid.uuid4()}"
    await own_kafka.create_topics([topic])
    with own_kafka.open_proxy() as proxy:
        producer = AIOKafkaProducer(bootstrap_servers=own_kafka.proxied, acks="all")
        await producer.start()
        await producer.send_and_wait(topic, b"early", partition=0)
        own_kafka.pause()
        send = await producer.send(topic, b"late", partition=0)
        done, _ = await asyncio.wait([send], timeout=0.3)
        assert not done
        own_kafka.resume()
        await send
        assert proxy.connections
        await producer.stop()
    assert [record.value for record in await read_all(own_kafka.bootstrap, [topic])] == [b"early", b"late"]


async def test_a_frozen_redis_is_silent_and_a_stopped_one_refuses(redis: RealRedis) -> None:
    redis.command("SET", "a", "1")
    redis.flush()
    assert redis.command("EXISTS", "a") == b":0"
    redis.pause()
    with pytest.raises(TimeoutError):
        redis.command("PING", within_s=0.2)
    redis.resume()
    redis.stop()
    with pytest.raises(ConnectionRefusedError):
        redis.command("PING")
    redis.start()
    assert redis.command("PING") == b"+PONG"


async def test_a_proxy_delays_stalls_cuts_and_refuses(redis: RealRedis) -> None:
    with redis.open_proxy() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

        async def ping() -> bytes:
            writer.write(b"PING\r\n")
            return await reader.readline()

        assert await ping() == b"+PONG\r\n"
        proxy.delay(0.05)
        begun = time.monotonic()
        await ping()
        assert time.monotonic() - begun >= 0.1
        proxy.stall_answers()
        held = asyncio.create_task(ping())
        done, _ = await asyncio.wait([held], timeout=0.2)
        assert not done
        proxy.resume()
        assert await held == b"+PONG\r\n"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await ping()
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", proxy.port)
