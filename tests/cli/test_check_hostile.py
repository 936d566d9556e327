"""Text of servers is shown without secrets and control characters: by `check`, and in the log."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from bridge.core.printable import printable
from tests.cli.cli_process import vod_bridge
from tests.rig.program import Program
from tests.rig.waiting import eventually

pytestmark = pytest.mark.services

PLANTED = "h1dden-h1dden-h1dden"
ESCAPES = "\x1b]52;c;aGk=\x07\x9b2J\u202e\u2028"


class EchoingRedis:
    """A server that knows no command, and repeats each with its arguments, as old Redis versions do."""

    def __init__(self, error_template: str) -> None:
        self._error_template = error_template
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if not line.startswith(b"*"):
                writer.close()
                return
            parts = []
            for _ in range(int(line[1:])):
                size = int((await reader.readline())[1:])
                parts.append((await reader.readexactly(size + 2))[:-2].decode())
            echo = ", ".join(f"`{part}`" for part in parts[1:])
            writer.write(
                f"-{self._error_template.format(command=parts[0], echo=echo)} {ESCAPES}\r\n".encode()
            )


@pytest.fixture(
    params=[
        "ERR unknown command `{command}`, with args beginning with: {echo}, ",
        "ERR what is {command} {echo}?",
        "NOPERM this user may not {command} {echo}",
    ]
)
async def echoing_redis(request: pytest.FixtureRequest) -> AsyncIterator[EchoingRedis]:
    redis = EchoingRedis(request.param)
    server = await asyncio.start_server(redis.serve, "127.0.0.1", 0)
    redis.port = server.sockets[0].getsockname()[1]
    yield redis
    server.close()


def settings_with(port: int) -> dict[str, str]:
    return {
        "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "BRIDGE_REDIS__URL": f"redis://user:{PLANTED}@127.0.0.1:{port}",
        "BRIDGE_APPS__SHOP__TOKEN": f"{PLANTED}-token",
    }


async def test_a_redis_that_repeats_its_arguments_shows_nothing_in_check(echoing_redis: EchoingRedis) -> None:
    for words in (["check"], ["check", "--json"]):
        result = await vod_bridge(*words, settings=settings_with(echoing_redis.port))
        assert result.code == 1
        for text in (result.out, result.err):
            assert "h1dden" not in text
            assert printable(text, multiline=True) == text
    assert json.loads(result.out)["failed"]


async def test_a_redis_that_repeats_its_arguments_shows_nothing_in_the_log(
    echoing_redis: EchoingRedis,
) -> None:
    async with Program(settings_with(echoing_redis.port)) as program:
        await eventually(lambda: "_diagnosis" in program.log(), "the diagnosis is in the log")
        text = program.log()
        ready = (await program.admin("/readyz")).body.decode()
    for shown in (text, ready):
        assert "h1dden" not in shown
        assert printable(shown, multiline=True) == shown
