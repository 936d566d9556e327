"""The floor of `overload`: does with small bodies what *naive* does, and reads no more of large ones.

What live events wait for beside it is the kernel's part and the clients': no program with the same Kafka and
Redis has less to do with large bodies.
"""

import asyncio
import json
import sys
from typing import cast

import uvloop
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

TOPIC = "overload.live"
LARGE_BYTES = 64 * 1024
_LENGTH = b"content-length:"
_END = b"\r\n\r\n"


class Silent(asyncio.Protocol):
    """One connection: its requests one after the other."""

    def __init__(self, redis: Redis, producer: AIOKafkaProducer) -> None:
        self._redis = redis
        self._producer = producer
        self._received = bytearray()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none of asyncio's classes

    def data_received(self, data: bytes) -> None:
        """Have a whole small body published; let the sender of a large one wait for good."""
        self._received += data
        head, end, body = self._received.partition(_END)
        if not end:
            return
        size = int(head.lower().partition(_LENGTH)[2].split(b"\r\n")[0])
        if size > LARGE_BYTES:
            self._received.clear()
            self._transport.pause_reading()
        elif len(body) >= size:
            self._received.clear()
            self._task = asyncio.get_running_loop().create_task(self._publish(bytes(body)))

    async def _publish(self, body: bytes) -> None:
        payload = json.loads(body)["EditMediaCompleteEvent"]
        if await self._redis.set(f"silent:{payload['TaskId']}", 1, nx=True, ex=3600):
            await self._producer.send_and_wait(TOPIC, body, key=payload["TaskId"].encode())
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


async def _serve(port: int, bootstrap: str, redis_url: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        redis = Redis.from_url(redis_url)
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: Silent(redis, producer), "127.0.0.1", port, backlog=1024)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
