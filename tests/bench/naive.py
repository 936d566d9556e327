"""What one writes first: json, one SET NX and one send_and_wait an event, the libraries as they come.

It loses what Kafka refuses after Redis took it. Frozen, as ``bare.py`` is: `tests.bench.frozen`.
"""

import asyncio
import hashlib
import json
import sys

import uvloop
from aiohttp import web
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

REMEMBER_S = 4 * 24 * 3600


class Naive:
    """A callback to an event on the topic of its type, once."""

    def __init__(self, redis: Redis, producer: AIOKafkaProducer) -> None:
        self._redis = redis
        self._producer = producer

    async def take(self, request: web.Request) -> web.Response:
        """Read, ask Redis, send, answer."""
        notification = json.loads(await request.read())
        kind = notification["EventType"]
        payload = next(part for part in notification.values() if isinstance(part, dict))
        who = payload.get("TaskId") or payload.get("FileId") or payload.get("CastId") or _digest(payload)
        identity = f"{kind}:{who}:{payload.get('Status', '')}"
        if not await self._redis.set(f"naive:{identity}", 1, nx=True, ex=REMEMBER_S):
            return web.json_response({"outcome": "duplicate", "id": identity})
        event = {"id": identity, "type": kind, "payload": payload}
        key = str(payload.get("FileId") or who)
        await self._producer.send_and_wait(f"vod.{kind}", json.dumps(event).encode(), key=key.encode())
        return web.json_response({"outcome": "published", "id": identity})


def _digest(payload: object) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


async def _serve(port: int, bootstrap: str, redis_url: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        naive = Naive(Redis.from_url(redis_url), producer)
        application = web.Application(client_max_size=4 * 1024 * 1024)
        application.router.add_post("/callbacks", naive.take)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
