"""``vod-bridge send`` against a small server that answers as it is told."""

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
from tests.cli.running import start_command, wait_for_exit, environment, vod_bridge
from tests.rig.parts import free_port
from tests.rig.waiting import eventually

pytestmark = pytest.mark.services


class FakeIngress:
    """Takes what is posted; ``answer`` tells the status and the words for each body.

    After ``holds_from`` bodies, and of the body ``holds``, it says nothing until it is closed.
    """

    def close(self) -> None:
        """Answer what is held."""
        self._zz__released.set()

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.queries: list[dict[str, str]] = []
        self.zz_held_from_count: int | None = None
        self.zz_held_body = b""
        self.zz_held_count = 0
        self._zz__released = asyncio.Event()
        self.zz_respond: Callable[[bytes], tuple[int, dict[str, str]]] = lambda _: (
            200,
            {"outcome": "published"},
        )

    async def zz_handle(self, request: web.Request) -> web.Response:
        """Keep the body and answer."""
        body = await request.read()
        self.bodies.append(body)
        self.queries.append(dict(request.query))
        if body == self.zz_held_body or (
            self.zz_held_from_count is not None and len(self.bodies) > self.zz_held_from_count
        ):
            self.zz_held_count += 1
            await self._zz__released.wait()
        status, words = self.zz_respond(body)
        return web.json_response(words, status=status)


@pytest.fixture
async def ingress() -> AsyncIterator[FakeIngress]:
    taking = FakeIngress()
    app = web.Application()
    app.router.add_post("/callbacks", taking.zz_handle)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    taking.url = f"http://127.0.0.1:{port}/callbacks"
    yield taking
    taking.close()
    await runner.cleanup()


async def test_each_notification_is_posted_once_and_the_outcomes_are_summed_up(door: FakeIngress) -> None:
    said = await vod_bridge("send", "-", "--url", door.url, stdin=b'{"EventType":"A"}\n{"EventType":"B"}\n')
    assert sorted(door.bodies) == [b'{"EventType":"A"}', b'{"EventType":"B"}']
    assert said.code == 0
    assert said.out.startswith("2 posted in ")
    assert "2 published" in said.out
    assert said.err == ""


async def test_a_rejected_one_is_named_and_the_command_fails(door: FakeIngress, tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text('{"EventType":"A"}')
    (tmp_path / "bad.json").write_text("{")
    door.zz_respond = lambda body: (
        (422, {"outcome": "rejected", "reason": "malformed"})
        if body == b"{"
        else (200, {"outcome": "duplicate"})
    )
    said = await vod_bridge("send", str(tmp_path), "--url", door.url, "--json")
    assert said.code == 1
    assert json.loads(said.out)["endings"] == {"rejected": 1, "duplicate": 1}
    assert f"{tmp_path}/bad.json#1: 422 rejected  malformed" in said.err


async def test_a_spooled_one_is_a_success_and_a_refused_one_is_not(door: FakeIngress) -> None:
    door.zz_respond = lambda _: (202, {"outcome": "spooled"})
    assert (await vod_bridge("send", "-", "--url", door.url, stdin=b"{}")).code == 0
    door.zz_respond = lambda _: (404, {"error": "unknown"})
    said = await vod_bridge("send", "-", "--url", door.url, stdin=b"{}")
    assert (said.code, "refused 404" in said.out) == (1, True)


async def test_a_signature_in_the_body_leaves_the_rest_of_the_bytes_alone(door: FakeIngress) -> None:
    body = b'{"EventType": "A", "n": 1.50, "Sign": "old", "T": 1}'
    await vod_bridge("send", "-", "--url", door.url, "--sign-key", "k3y", stdin=body)
    (posted,) = door.bodies
    read = json.loads(posted)
    assert posted.startswith(body[:-1])
    assert isinstance(read["T"], int)
    assert 0 < read["T"] - time.time() <= 900
    assert read["Sign"] == hashlib.md5(f"k3y{read['T']}".encode(), usedforsecurity=False).hexdigest()


async def test_a_signature_in_the_query_leaves_the_body_alone(door: FakeIngress) -> None:
    await vod_bridge(
        "send", "-", "--url", door.url, "--sign-key", "k", "--sign-in", "query", stdin=b'{"a":1}'
    )
    (query,) = door.queries
    assert door.bodies == [b'{"a":1}']
    assert query["sign"] == hashlib.md5(f"k{query['t']}".encode(), usedforsecurity=False).hexdigest()


async def test_a_sign_key_may_stand_in_a_file_and_not_on_the_command_line(
    door: FakeIngress, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("\ufeffk3y \n")
    await vod_bridge("send", "-", "--url", door.url, "--sign-key-file", str(tmp_path / "key"), stdin=b"{}")
    read = json.loads(door.bodies[0])
    assert read["Sign"] == hashlib.md5(f"k3y{read['T']}".encode(), usedforsecurity=False).hexdigest()
    (tmp_path / "key").write_text("'k3y'\n")
    said = await vod_bridge("send", "-", "--sign-key-file", str(tmp_path / "key"))
    assert said.code == 2
    assert "has quotes around it" in said.err
    said = await vod_bridge("send", "-", "--sign-key-file", "/no/such", "--sign-key", "k3y")
    assert (said.code, "either --sign-key" in said.err) == (2, True)


async def test_neither_the_token_nor_what_a_server_makes_up_reaches_the_terminal(door: FakeIngress) -> None:
    nowhere = f"http://u:h1dden@127.0.0.1:{free_port()}/callbacks/shop/h1dden-token"
    said = await vod_bridge("send", "-", "--url", nowhere, stdin=b"{}")
    assert "/callbacks/shop/****" in said.err
    assert "h1dden" not in said.err
    door.zz_respond = lambda _: (
        200,
        {"outcome": "\x1b]52;c;aGk=\x07\x9b\u202e[red]key-of-mine", "detail": "\x1b[2J"},
    )
    for more in ([], ["--json"]):
        said = await vod_bridge(
            "send", "-", "--url", door.url, "--sign-key", "key-of-mine", *more, stdin=b"{}"
        )
        for text in (said.out, said.err):
            assert printable(text, multiline=True) == text
            assert "key-of-mine" not in text


async def test_where_nothing_listens_it_is_reported_in_one_line() -> None:
    said = await vod_bridge("send", "-", "--url", f"http://127.0.0.1:{free_port()}/callbacks", stdin=b"{}")
    assert said.code == 1
    assert said.err.startswith("error: nothing answers at http://127.0.0.1:")
    assert said.err.count("\n") == 1


async def test_a_folder_without_notifications_is_used_wrongly(tmp_path: Path) -> None:
    said = await vod_bridge("send", str(tmp_path))
    assert (said.code, said.err) == (2, f"error: {tmp_path}: no *.json, *.jsonl or *.ndjson file in it\n")


@pytest.mark.parametrize("command", ["send", "explain"])
async def test_what_cannot_be_read_is_reported_in_one_line(command: str) -> None:
    said = await vod_bridge(command, "/proc/self/mem")  # opens, and does not let itself be read
    assert (said.code, said.err) == (1, "error: cannot read a file: Input/output error\n")


def _write_many(folder: Path, count: int) -> tuple[Path, list[bytes]]:
    bodies = [b'{"EventType":"A","n":%d}' % number for number in range(count)]
    file = folder / "many.jsonl"
    file.write_bytes(b"\n".join(bodies) + b"\n")
    return file, bodies


async def test_stopped_by_ctrl_c_it_prints_how_to_resume_and_resumes_so(
    door: FakeIngress, tmp_path: Path
) -> None:
    file, bodies = _write_many(tmp_path, 500)
    door.zz_held_from_count = 100
    process = await start_command("send", str(file), "--url", door.url, "--concurrency", "4")
    await eventually(lambda: door.zz_held_count, "some wait for their answer", within_s=60)
    process.send_signal(signal.SIGINT)
    said = await wait_for_exit(process)
    assert said.code == 1
    (stopped_after, skip) = re.findall(
        r"error: stopped after (\d+): interrupted; --skip (\d+) goes on from there\n", said.err
    )[0]
    assert 0 < int(skip) <= int(stopped_after) <= 100  # the last answers may still be on their way
    first, door.bodies, door.zz_held_from_count = door.bodies, [], None
    rest = await vod_bridge("send", str(file), "--url", door.url, "--skip", skip)
    assert (rest.code, rest.out.startswith(f"{500 - int(skip)} posted in ")) == (0, True)
    assert sorted(door.bodies) == sorted(bodies[int(skip) :])
    assert {*first, *door.bodies} == {*bodies}


async def test_what_was_answered_out_of_order_is_not_skipped_over(door: FakeIngress, tmp_path: Path) -> None:
    file, bodies = _write_many(tmp_path, 20)
    door.zz_held_body = bodies[3]
    process = await start_command("send", str(file), "--url", door.url, "--concurrency", "4")
    await eventually(
        lambda: len(door.bodies) == 20, "all others are answered", within_s=60
    )  # and one is held
    process.send_signal(signal.SIGINT)
    assert "interrupted; --skip 3 goes on from there\n" in (await wait_for_exit(process)).err


async def test_a_terminal_shows_how_much_there_is_how_fast_it_goes_and_how_long_it_takes(
    door: FakeIngress, tmp_path: Path
) -> None:
    file, _ = _write_many(tmp_path, 500)
    door.zz_held_from_count = 250
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "send", str(file), "--url", door.url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=theirs,
        env=environment({"TERM": "xterm", "COLUMNS": "120"}),
    )
    os.close(theirs)
    os.set_blocking(ours, False)
    seen = b""

    def shown() -> bool:
        nonlocal seen
        with suppress(BlockingIOError):
            seen += os.read(ours, 1 << 16)
        text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen).decode(errors="replace")
        lines = re.split(r"[\r\n]", text)
        return any(
            re.search(r"published 250 .* [\d.]+/1\d\.\d kB +[1-9]\d*/s +0:00:\d\d +0:00:\d\d", line)
            for line in lines
        )

    try:
        await eventually(shown, "the bar has all of it", within_s=60)
    finally:
        process.kill()
        await process.wait()
        os.close(ours)
