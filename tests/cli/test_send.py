"""``vod-bridge send`` against a small server with given responses."""

import asyncio
import hashlib
import json
import os
import pty
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from bridge.core.printable import printable
from tests.cli.cli_process import environment, start_command, vod_bridge, wait_for_exit
from tests.rig.parts import free_port
from tests.rig.waiting import eventually

pytestmark = pytest.mark.services


class FakeIngress:
    """Records what is posted; ``respond`` gives the status and the fields for each body.

    After ``held_from_count`` bodies, and for the body ``held_body``, it withholds the response until closed.
    """

    def close(self) -> None:
        """Respond to what is held."""
        self._released.set()

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.queries: list[dict[str, str]] = []
        self.held_from_count: int | None = None
        self.held_body = b""
        self.held_count = 0
        self._released = asyncio.Event()
        self.respond: Callable[[bytes], tuple[int, dict[str, str]]] = lambda _: (
            200,
            {"outcome": "published"},
        )

    async def handle(self, request: web.Request) -> web.Response:
        """Keep the body and answer."""
        body = await request.read()
        self.bodies.append(body)
        self.queries.append(dict(request.query))
        if body == self.held_body or (
            self.held_from_count is not None and len(self.bodies) > self.held_from_count
        ):
            self.held_count += 1
            await self._released.wait()
        status, fields = self.respond(body)
        return web.json_response(fields, status=status)


@pytest.fixture
async def ingress() -> AsyncIterator[FakeIngress]:
    server = FakeIngress()
    app = web.Application()
    app.router.add_post("/callbacks", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    server.url = f"http://127.0.0.1:{port}/callbacks"
    yield server
    server.close()
    await runner.cleanup()


async def test_each_notification_is_posted_once_and_the_outcomes_are_summed_up(ingress: FakeIngress) -> None:
    result = await vod_bridge(
        "send", "-", "--url", ingress.url, stdin=b'{"EventType":"A"}\n{"EventType":"B"}\n'
    )
    assert sorted(ingress.bodies) == [b'{"EventType":"A"}', b'{"EventType":"B"}']
    assert result.code == 0
    assert result.out.startswith("2 posted in ")
    assert "2 published" in result.out
    assert result.err == ""


async def test_a_rejected_one_is_named_and_the_command_fails(ingress: FakeIngress, tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text('{"EventType":"A"}')
    (tmp_path / "bad.json").write_text("{")
    ingress.respond = lambda body: (
        (422, {"outcome": "rejected", "reason": "malformed"})
        if body == b"{"
        else (200, {"outcome": "duplicate"})
    )
    result = await vod_bridge("send", str(tmp_path), "--url", ingress.url, "--json")
    assert result.code == 1
    assert json.loads(result.out)["endings"] == {"rejected": 1, "duplicate": 1}
    assert f"{tmp_path}/bad.json#1: 422 rejected  malformed" in result.err


async def test_a_spooled_one_is_a_success_and_a_refused_one_is_not(ingress: FakeIngress) -> None:
    ingress.respond = lambda _: (202, {"outcome": "spooled"})
    assert (await vod_bridge("send", "-", "--url", ingress.url, stdin=b"{}")).code == 0
    ingress.respond = lambda _: (404, {"error": "unknown"})
    result = await vod_bridge("send", "-", "--url", ingress.url, stdin=b"{}")
    assert (result.code, "refused 404" in result.out) == (1, True)


async def test_a_signature_in_the_body_leaves_the_rest_of_the_bytes_alone(ingress: FakeIngress) -> None:
    body = b'{"EventType": "A", "n": 1.50, "Sign": "old", "T": 1}'
    await vod_bridge("send", "-", "--url", ingress.url, "--sign-key", "k3y", stdin=body)
    (posted,) = ingress.bodies
    read = json.loads(posted)
    assert posted.startswith(body[:-1])
    assert isinstance(read["T"], int)
    assert 0 < read["T"] - time.time() <= 900
    assert read["Sign"] == hashlib.md5(f"k3y{read['T']}".encode(), usedforsecurity=False).hexdigest()


async def test_a_signature_in_the_query_leaves_the_body_alone(ingress: FakeIngress) -> None:
    await vod_bridge(
        "send", "-", "--url", ingress.url, "--sign-key", "k", "--sign-in", "query", stdin=b'{"a":1}'
    )
    (query,) = ingress.queries
    assert ingress.bodies == [b'{"a":1}']
    assert query["sign"] == hashlib.md5(f"k{query['t']}".encode(), usedforsecurity=False).hexdigest()


async def test_a_sign_key_may_be_in_a_file_and_not_on_the_command_line(
    ingress: FakeIngress, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("\ufeffk3y \n")
    await vod_bridge("send", "-", "--url", ingress.url, "--sign-key-file", str(tmp_path / "key"), stdin=b"{}")
    read = json.loads(ingress.bodies[0])
    assert read["Sign"] == hashlib.md5(f"k3y{read['T']}".encode(), usedforsecurity=False).hexdigest()
    (tmp_path / "key").write_text("'k3y'\n")
    result = await vod_bridge("send", "-", "--sign-key-file", str(tmp_path / "key"))
    assert result.code == 2
    assert "has quotes around it" in result.err
    result = await vod_bridge("send", "-", "--sign-key-file", "/no/such", "--sign-key", "k3y")
    assert (result.code, "either --sign-key" in result.err) == (2, True)


async def test_neither_the_token_nor_what_a_server_makes_up_reaches_the_terminal(
    ingress: FakeIngress,
) -> None:
    unreachable_url = f"http://u:h1dden@127.0.0.1:{free_port()}/callbacks/shop/h1dden-token"
    result = await vod_bridge("send", "-", "--url", unreachable_url, stdin=b"{}")
    assert "/callbacks/shop/****" in result.err
    assert "h1dden" not in result.err
    ingress.respond = lambda _: (
        200,
        {"outcome": "\x1b]52;c;aGk=\x07\x9b\u202e[red]key-of-mine", "detail": "\x1b[2J"},
    )
    for extra in ([], ["--json"]):
        result = await vod_bridge(
            "send", "-", "--url", ingress.url, "--sign-key", "key-of-mine", *extra, stdin=b"{}"
        )
        for text in (result.out, result.err):
            assert printable(text, multiline=True) == text
            assert "key-of-mine" not in text


async def test_where_nothing_listens_it_is_reported_in_one_line() -> None:
    result = await vod_bridge("send", "-", "--url", f"http://127.0.0.1:{free_port()}/callbacks", stdin=b"{}")
    assert result.code == 1
    assert result.err.startswith("error: nothing answers at http://127.0.0.1:")
    assert result.err.count("\n") == 1


async def test_a_folder_without_notifications_is_used_wrongly(tmp_path: Path) -> None:
    result = await vod_bridge("send", str(tmp_path))
    assert (result.code, result.err) == (2, f"error: {tmp_path}: no *.json, *.jsonl or *.ndjson file in it\n")


@pytest.mark.parametrize("command", ["send", "explain"])
async def test_what_cannot_be_read_is_reported_in_one_line(command: str) -> None:
    result = await vod_bridge(command, "/proc/self/mem")  # opens, and does not let itself be read
    assert (result.code, result.err) == (1, "error: cannot read a file: Input/output error\n")


def _write_many(folder: Path, count: int) -> tuple[Path, list[bytes]]:
    bodies = [b'{"EventType":"A","n":%d}' % number for number in range(count)]
    file = folder / "many.jsonl"
    file.write_bytes(b"\n".join(bodies) + b"\n")
    return file, bodies


async def test_stopped_by_ctrl_c_it_prints_how_to_resume_and_resumes_so(
    ingress: FakeIngress, tmp_path: Path
) -> None:
    file, bodies = _write_many(tmp_path, 500)
    ingress.held_from_count = 100
    process = await start_command("send", str(file), "--url", ingress.url, "--concurrency", "4")
    await eventually(lambda: ingress.held_count, "some wait for their answer", within_s=60)
    process.send_signal(signal.SIGINT)
    result = await wait_for_exit(process)
    assert result.code == 1
    (stopped_after, skip) = re.findall(
        r"error: stopped after (\d+): interrupted; --skip (\d+) goes on from there\n", result.err
    )[0]
    assert 0 < int(skip) <= int(stopped_after) <= 100  # the last answers may still be on their way
    first, ingress.bodies, ingress.held_from_count = ingress.bodies, [], None
    rest = await vod_bridge("send", str(file), "--url", ingress.url, "--skip", skip)
    assert (rest.code, rest.out.startswith(f"{500 - int(skip)} posted in ")) == (0, True)
    assert sorted(ingress.bodies) == sorted(bodies[int(skip) :])
    assert {*first, *ingress.bodies} == {*bodies}


async def test_what_was_answered_out_of_order_is_not_skipped_over(
    ingress: FakeIngress, tmp_path: Path
) -> None:
    file, bodies = _write_many(tmp_path, 20)
    ingress.held_body = bodies[3]
    process = await start_command("send", str(file), "--url", ingress.url, "--concurrency", "4")
    await eventually(
        lambda: len(ingress.bodies) == 20, "all others are answered", within_s=60
    )  # and one is held
    process.send_signal(signal.SIGINT)
    assert "interrupted; --skip 3 goes on from there\n" in (await wait_for_exit(process)).err


async def test_a_terminal_shows_how_much_there_is_how_fast_it_goes_and_how_long_it_takes(
    ingress: FakeIngress, tmp_path: Path
) -> None:
    file, _ = _write_many(tmp_path, 500)
    ingress.held_from_count = 250
    terminal_fd, child_fd = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "send", str(file), "--url", ingress.url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=child_fd,
        env=environment({"TERM": "xterm", "COLUMNS": "120"}),
    )
    os.close(child_fd)
    os.set_blocking(terminal_fd, False)
    output = b""

    def bar_is_complete() -> bool:
        nonlocal output
        with suppress(BlockingIOError):
            output += os.read(terminal_fd, 1 << 16)
        text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", output).decode(errors="replace")
        lines = re.split(r"[\r\n]", text)
        return any(
            re.search(r"published 250 .* [\d.]+/1\d\.\d kB +[1-9]\d*/s +0:00:\d\d +0:00:\d\d", line)
            for line in lines
        )

    try:
        await eventually(bar_is_complete, "the bar has all of it", within_s=60)
    finally:
        process.kill()
        await process.wait()
        os.close(terminal_fd)
