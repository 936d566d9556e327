"""The rig does what the tests that lean on it believe."""

import asyncio
import contextlib
import time
import uuid
from typing import Self

import pytest
from aiokafka import AIOKafkaProducer

from tests.rig.balancer import Balancer
from tests.rig.connection_pool import ConnectionPool
from tests.rig.consume import read_all
from tests.rig.kafka import RealKafka
from tests.rig.parts import free_port
from tests.rig.redis import RealRedis
from tests.rig.waiting import ConditionTimeoutError, eventually


async def test_eventually_returns_what_was_seen_or_raises_with_what_was_not() -> None:
    seen = iter([0, 0, 7])
    assert await eventually(lambda: next(seen), "a number") == 7
    with pytest.raises(ConditionTimeoutError, match="a miracle"):
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
        proxy.stall_responses()
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


class Echoing:
    """A backend that says its name to whoever writes; its probe is answered as ``status`` says."""

    def __init__(self, name: bytes) -> None:
        self.status = 200
        self.port = self.admin_port = 0
        self._name = name
        self._servers: list[asyncio.Server] = []
        self._lines: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        for answer in (self._echo, self._probe):
            self._servers.append(await asyncio.start_server(answer, "127.0.0.1", 0))
        self.port, self.admin_port = (server.sockets[0].getsockname()[1] for server in self._servers)
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        for line in self._lines:
            line.close()
        await asyncio.gather(*(line.wait_closed() for line in self._lines))

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.append(writer)
        while line := await reader.readline():
            writer.write(self._name + b" " + line)
        writer.close()

    async def _probe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d \r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % self.status)
        writer.close()


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echoed(line: Streams) -> str:
    reader, writer = line
    writer.write(b"hello\n")
    return (await reader.readline()).decode().strip()


async def test_a_balancer_gives_new_connections_to_whoever_is_in_and_cuts_none_that_lives() -> None:
    async with Balancer(probe_every_s=0.02) as balancer, Echoing(b"a") as first, Echoing(b"b") as second:

        async def line() -> Streams:
            return await asyncio.open_connection("127.0.0.1", balancer.port)

        for backend in (first, second):
            await balancer.add(backend.port, backend.admin_port)
        await balancer.wait_until_in(2)
        lines = [await line() for _ in range(4)]
        assert sorted([await echoed(one) for one in lines]) == ["a hello", "a hello", "b hello", "b hello"]
        await balancer.leave(0, 0.05)
        await balancer.wait_until_in(1)
        assert {await echoed(await line()) for _ in range(4)} == {"b hello"}
        assert sorted([await echoed(one) for one in lines]) == ["a hello", "a hello", "b hello", "b hello"]
        second.status = 503
        await balancer.wait_until_in(0)
        with pytest.raises(ConnectionResetError):
            await echoed(await line())
        await balancer.rejoin(0)
        await balancer.wait_until_in(1)
        assert await echoed(await line()) == "a hello"
        assert [backend.accepted for backend in await balancer.backends()] == [3, 6]


async def test_a_balancer_passes_on_farewells_and_refusals() -> None:
    async with Balancer(probe_every_s=0.02) as balancer, Echoing(b"a") as backend:
        await balancer.add(backend.port, backend.admin_port)
        await balancer.add(free_port(), backend.admin_port)  # ready, and nobody listens
        await balancer.wait_until_in(2)

        async def reply() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", balancer.port)
            writer.write(b"hello\n")
            writer.write_eof()
            return await reader.read()

        heard = await asyncio.gather(reply(), reply(), return_exceptions=True)
        assert sorted(isinstance(one, OSError) for one in heard) == [False, True]
        assert b"a hello\n" in heard

        async def nobody() -> bool:
            return all(not backend.open_connections for backend in await balancer.backends())

        await eventually(nobody, "both ends are gone")


async def test_pooled_connections_are_reused_in_turn_and_closed_where_the_server_asks() -> None:
    seen: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(0)
        mine = len(seen) - 1
        with contextlib.suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                word = await reader.readexactly(
                    int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                )
                seen[mine] += 1
                if word == b"cut":
                    break
                reply = b"Connection: close\r\n" if word == b"last" else b""
                writer.write(b"HTTP/1.1 202 Accepted\r\n%sContent-Length: 2\r\n\r\n%d!" % (reply, mine))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callbacks"
    async with server, ConnectionPool() as lines:
        at_once = await asyncio.gather(lines.post(url, b"a"), lines.post(url, b"b"))
        assert sorted(at_once) == [(202, b"0!"), (202, b"1!")]
        assert {await lines.post(url, b"c"), await lines.post(url, b"d")} == set(at_once)
        kept = await lines.post(url, b"last")
        assert await lines.post(url, b"e") == await lines.post(url, b"f") != kept
        with pytest.raises(ConnectionResetError):
            await lines.post(url, b"cut")
        assert (await lines.post(url, b"g"))[1] == b"2!"
        assert (lines.opened, sum(seen)) == (3, 9)
