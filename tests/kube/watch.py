"""Follows objects of the API server as they change: one list, then each change."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.kube.cluster import Cluster

Seen = Callable[[str, dict[str, Any]], None]
AGAIN_AFTER_S = 0.5
LONGEST_LINE = 4 * 1024 * 1024


@asynccontextmanager
async def follow(cluster: Cluster, path: str, seen: Seen) -> AsyncIterator[None]:
    """Call ``seen`` with ADDED, MODIFIED or DELETED and the object, from the first list on.

    ``path`` as in ``/api/v1/namespaces/default/pods``; the first list has been seen when this begins.
    """
    headers = {"Authorization": f"Bearer {cluster.token}"}
    connector = aiohttp.TCPConnector(ssl=False)
    timeout = aiohttp.ClientTimeout()
    async with aiohttp.ClientSession(
        cluster.url, headers=headers, connector=connector, timeout=timeout, read_bufsize=LONGEST_LINE
    ) as session:
        version = await _list(session, path, seen)
        task = asyncio.create_task(_watch(session, path, version, seen))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _list(session: aiohttp.ClientSession, path: str, seen: Seen) -> str:
    async with session.get(path) as answer:
        answer.raise_for_status()
        found = await answer.json()
    for item in found["items"]:
        seen("ADDED", item)
    return str(found["metadata"]["resourceVersion"])


async def _watch(session: aiohttp.ClientSession, path: str, version: str, seen: Seen) -> None:
    while True:
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with session.get(path, params={"watch": "1", "resourceVersion": version}) as answer:
                answer.raise_for_status()
                async for line in answer.content:
                    change = json.loads(line)
                    if change["type"] == "ERROR":  # the version is too old
                        break
                    version = change["object"]["metadata"]["resourceVersion"]
                    seen(change["type"], change["object"])
        await asyncio.sleep(AGAIN_AFTER_S)
        with contextlib.suppress(aiohttp.ClientError, OSError):
            version = await _list(session, path, seen)
