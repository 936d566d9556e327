"""The yardstick: aiohttp on uvloop that reads a body and answers, and does nothing else."""

import asyncio
import sys

import uvloop
from aiohttp import web

ANSWER = b'{"outcome":"published"}'


async def _take(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=ANSWER, content_type="application/json")


async def _serve(port: int) -> None:
    application = web.Application(client_max_size=4 * 1024 * 1024)
    application.router.add_post("/callbacks", _take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
