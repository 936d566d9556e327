"""``vod-bridge dev`` as a person meets it: a process that shows, and leaves nothing."""

import asyncio
import os
import re
import shlex
import signal
import socket
import sys

import aiohttp
import pytest

from tests.cli.running import WITHIN_S, environment, vod_bridge
from tests.rig.parts import free_port

pytest.importorskip("confluent_kafka")


@pytest.mark.services
async def test_the_demonstration_shows_each_answer_and_each_event_and_ends_well() -> None:
    elsewhere = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "production.invalid:9092", "BRIDGE_APPS__X__TOKEN": "t"}
    said = await vod_bridge("dev", "--once", "--port", "0", settings=elsewhere)
    assert said.code == 0, said.err
    answers = re.findall(r"^answer +(\d+ \w+)", said.out, re.MULTILINE)
    events = re.findall(r"^event +\S+ +(dead letter|\w+)", said.out, re.MULTILINE)
    assert answers == ["200 published", "200 published", "200 duplicate", "422 rejected"]
    assert events == ["EditMediaComplete", "CreateSnapshotByTimeOffsetComplete", "dead letter"]
    assert "Traceback" not in said.out + said.err
    assert "Unclosed" not in said.out + said.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.services
async def test_it_shows_what_arrives_until_it_is_told_to_end_and_leaves_nothing(
    number: signal.Signals,
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bridge", "dev", "--port", str(free_port())),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(),
    )
    out = process.stdout
    assert out
    try:
        async with asyncio.timeout(WITHIN_S):
            curl = await _line_with(out, "curl")
            await _line_with(out, "Ctrl-C")
            body, url = shlex.split(curl.replace("$(date +%s)", "17"))[2:]
            async with aiohttp.ClientSession() as session, session.post(url, data=body) as answer:
                assert (await answer.json())["outcome"] == "published"
            assert "file 17" in await _line_with(out, "NewFileUpload")
            children = await _children(process.pid)
            process.send_signal(number)
            rest = (await out.read()).decode()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
    assert children
    assert not any(_lives(child) for child in children)
    assert "Traceback" not in rest
    assert rest.endswith("stopped; nothing of it is left\n")


async def test_a_busy_port_is_said_in_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = await vod_bridge("dev", "--once", "--port", str(port))
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"error: port {port} is in use: ")
    assert said.err.count("\n") == 1


async def _line_with(out: asyncio.StreamReader, word: str) -> str:
    while line := (await out.readline()).decode():
        if word in line:
            return line
    raise AssertionError(f"it ended without a line with {word}")


async def _children(pid: int) -> list[int]:
    pgrep = await asyncio.create_subprocess_exec("pgrep", "-P", str(pid), stdout=asyncio.subprocess.PIPE)
    said, _ = await pgrep.communicate()
    return [int(line) for line in said.split()]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
