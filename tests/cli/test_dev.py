"""``vod-bridge dev`` as a person meets it: a process that shows, and leaves nothing."""

import asyncio
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from bridge.cli.dev_ports import PortAllocator, PortInUseError
from tests.cli.cli_process import environment, vod_bridge
from tests.cli.dev_process import ANY_PORTS, dev_process, read_line_with
from tests.cli.topic_count import TOPICS
from tests.rig.parts import free_port
from tests.rig.reaper import is_running

pytestmark = pytest.mark.services

pytest.importorskip("confluent_kafka")

UPLOADED = '{"EventType":"NewFileUpload","FileUploadEvent":{"FileId":"17"}}'
README = Path(__file__).parents[2] / "README.md"


@pytest.mark.services
async def test_the_demonstration_shows_each_response_and_each_event_and_exits_with_0() -> None:
    other_settings = {
        "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "production.invalid:9092",
        "BRIDGE_APPS__X__TOKEN": "t",
    }
    result = await vod_bridge("dev", "--once", *ANY_PORTS, settings=other_settings)
    assert result.code == 0, result.err
    answers = re.findall(r"^answer +(\d+ \w+)", result.out, re.MULTILINE)
    events = re.findall(r"^event +\S+ +(dead letter|\w+)", result.out, re.MULTILINE)
    assert answers == ["200 published", "200 published", "200 duplicate", "422 rejected"]
    assert events == ["EditMediaComplete", "CreateSnapshotByTimeOffsetComplete", "dead letter"]
    assert "Traceback" not in result.out + result.err
    assert "Unclosed" not in result.out + result.err


@pytest.mark.parametrize(
    "numbers",
    [
        [signal.SIGINT],
        [signal.SIGTERM],
        [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGINT],
    ],
    ids=["SIGINT", "SIGTERM", "several"],
)
@pytest.mark.services
async def test_it_shows_what_arrives_until_a_signal_and_leaves_nothing(
    numbers: list[signal.Signals],
) -> None:
    async with dev_process() as dev:
        async with aiohttp.ClientSession() as session, session.post(dev.url, data=UPLOADED) as response:
            assert (await response.json())["outcome"] == "published"
        assert "file 17" in await read_line_with(dev.out, "NewFileUpload")
        children = await _children(dev.process.pid)
        for number in numbers:
            dev.process.send_signal(number)
        rest = (await dev.out.read()).decode()
        assert await dev.process.wait() == 0
    assert children
    assert not any(is_running(child) for child in children)
    assert "Traceback" not in rest
    assert rest.splitlines()[-1:] == ["stopped; nothing of it is left"]


async def test_what_it_prints_lets_every_command_of_another_terminal_find_it() -> None:
    async with dev_process() as dev:
        settings = dev.exports
        assert {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS", "BRIDGE_REDIS__URL"} <= set(settings)
        assert f"source {sys.prefix}/bin/activate" in dev.commands
        shown = await vod_bridge("tail", "--no-follow", settings=settings)
        assert [line.split()[2] for line in shown.out.splitlines()] == [
            "EditMediaComplete",
            "CreateSnapshotByTimeOffsetComplete",
            "dead",
        ]
        assert shown.err == ""
        created = await vod_bridge("topics", "--create", settings=settings)
        assert (created.code, created.out) == (0, f"0 topics made, {TOPICS} there before\n")
        checked = await vod_bridge("check", settings=settings)
        assert (checked.code, "0 failed" in checked.out) == (0, True), checked.out
        replayed = await vod_bridge("replay", "--dead-letters", settings=settings)
        assert (replayed.code, "1 would be rejected" in replayed.out) == (0, True), replayed.err
        posted = await vod_bridge("send", "-", "--url", dev.url, settings=settings, stdin=UPLOADED.encode())
        assert (posted.code, "1 published" in posted.out) == (0, True), posted.err


async def test_the_consumer_of_the_readme_reads_from_it(tmp_path: Path) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    finished = (
        b'{"EventType":"TranscodeComplete","TranscodeCompleteEvent":{"TaskId":"t","FileId":"f","ErrCode":0}}'
    )
    async with dev_process() as dev:
        address = dev.exports["BRIDGE_KAFKA__BOOTSTRAP_SERVERS"]
        program = tmp_path / "consumer.py"
        program.write_text(snippet.replace("localhost:9092", address))
        assert address in program.read_text()
        posted = await vod_bridge("send", "-", "--url", dev.url, stdin=finished)
        assert posted.code == 0, posted.err
        consumer = await asyncio.create_subprocess_exec(
            sys.executable, "-u", str(program), stdout=asyncio.subprocess.PIPE, env=environment()
        )
        try:
            assert consumer.stdout
            assert (await consumer.stdout.readline()).startswith(b"f ")
        finally:
            consumer.kill()
            await consumer.wait()


async def test_an_application_has_its_own_url_token_and_signature() -> None:
    key = "the key's own $words"
    async with dev_process("--app", "my-shop", "--token", "long-word", "--sign-key", key) as dev:
        assert dev.url.endswith("/callbacks/my-shop/long-word")
        assert dev.exports["BRIDGE_APPS__MY_SHOP__SIGN_KEY"] == key
        unsigned = await vod_bridge("send", "-", "--url", dev.url, stdin=UPLOADED.encode())
        assert "401 unauthorized" in unsigned.err
        (post,) = (line for line in dev.commands if "send - " in line)
        shell = await asyncio.create_subprocess_shell(
            post.replace("vod-bridge", f"{sys.executable} -m bridge"),
            env=environment(dev.exports),
            stdout=asyncio.subprocess.PIPE,
        )
        result, _ = await shell.communicate()
        assert b"1 published" in result
        shown = await vod_bridge("tail", "--no-follow", "--app", "my-shop", settings=dev.exports)
        assert (shown.code, len(shown.out.splitlines()), shown.err) == (0, 4, "")


async def test_what_is_wrong_with_an_application_is_reported_by_the_options_name() -> None:
    result = await vod_bridge("dev", "--app", "my-shop", "--token", "not a path")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: --token = ****: must be 1 to 128 letters")
    result = await vod_bridge("dev", "--app", "My Shop!")
    assert (result.code, result.err.startswith("error: --app My Shop!: ")) == (2, True)


@pytest.mark.parametrize("option", ["--port", "--kafka-port"])
async def test_a_requested_port_in_use_is_reported_in_one_line_that_names_the_option(option: str) -> None:
    with _listener() as port:
        result = await vod_bridge("dev", "--once", *ANY_PORTS, option, str(port))
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"error: port {port} is in use: ")
    assert f"`vod-bridge dev {option} 0`" in result.err
    assert result.err.count("\n") == 1


def test_a_default_port_in_use_is_replaced_by_the_one_10000_higher_with_a_notice() -> None:
    default = free_port(also=10_000)
    with _listener(default):
        ports = PortAllocator()
        assert ports.allocate("Kafka", "--kafka-port", None, default) == default + 10_000
        assert ports.notices == [f"port {default} is in use: Kafka takes port {default + 10_000} instead"]
        assert ports.allocate("Redis", "--redis-port", 0, default) == 0
    assert ports.allocate("Redis", "--redis-port", None, default) == default
    with pytest.raises(PortInUseError, match="--port 0"):
        ports.allocate("the bridge", "--port", default, 8080)  # given to another part already


def test_a_port_on_which_only_ipv6_is_listened_is_in_use_too() -> None:
    default = free_port(also=10_000)
    with socket.socket(socket.AF_INET6) as other:
        try:
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            other.bind(("::1", default))
        except OSError:
            pytest.skip("no IPv6 on loopback here")
        other.listen()
        assert PortAllocator().allocate("Kafka", "--kafka-port", None, default) == default + 10_000


@contextmanager
def _listener(port: int = 0) -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        yield other.getsockname()[1]


async def _children(pid: int) -> list[int]:
    pgrep = await asyncio.create_subprocess_exec("pgrep", "-P", str(pid), stdout=asyncio.subprocess.PIPE)
    result, _ = await pgrep.communicate()
    return [int(line) for line in result.split()]
