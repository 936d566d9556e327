"""What is left of a request for the garbage collector: nothing, so that its memory is free at once."""

import gc
from collections.abc import Iterator

import pytest

from bridge.io.http.aiohttp_parser import RequestParser
from bridge.io.http.body_reader import BodyReader
from bridge.io.http.connection import Connection
from bridge.io.http.request_reader import RequestReader
from tests.io.http_server import post, running_server, until

LARGE = post(b"x" * 100_000)


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _left() -> list[str]:
    kinds = (RequestReader, RequestParser, BodyReader, Connection)
    return [type(found).__name__ for found in gc.get_objects() if isinstance(found, kinds)]


@pytest.mark.usefixtures("_no_collector")
async def test_nothing_is_left_of_large_bodies_that_were_answered() -> None:
    async with running_server() as server:
        client = await server.connect()
        for _ in range(3):
            await client.send_all(LARGE)
            assert (await client.response()).status == 200
        client.writer.close()
        await until(lambda: not _left())


@pytest.mark.usefixtures("_no_collector")
async def test_nothing_is_left_of_a_body_whose_client_left() -> None:
    async with running_server() as server:
        client = await server.connect()
        client.send(LARGE[:50_000])
        await until(server.reading_count)
        client.writer.close()
        await until(lambda: not len(server.ingress.connections))
        await until(lambda: not _left())
