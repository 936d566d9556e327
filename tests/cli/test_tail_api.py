"""``vod-bridge tail --api``: deliveries from a real bridge's admin port, without a word to Kafka."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from aiohttp import web

from tests.cli.cli_process import TIMEOUT_S, start_command, vod_bridge, wait_for_exit
from tests.cli.cli_process import environment as process_environment
from tests.console.console_client import FILE_ID, HOSTILE, READ_TOKEN, transcoded, uploaded
from tests.end_to_end.environment import Environment, running
from tests.end_to_end.workers import with_workers
from tests.rig.parts import free_port
from tests.rig.reaper import watch_process

NO_KAFKA = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}


async def test_deliveries_are_shown_as_they_were_and_as_they_come(environment: Environment) -> None:
    async with running(environment) as program:
        api = ("tail", "--api", program.admin_url)
        await program.post(uploaded())
        await program.post(transcoded("other-file", HOSTILE))
        await program.post(b"no json")
        shown = await vod_bridge(*api, "--no-follow", "--ids", settings=NO_KAFKA)
        lines = shown.out.splitlines()
        assert (shown.code, len(lines)) == (0, 3), shown
        assert (
            f"NewFileUpload  default  published  file {FILE_ID}  id NewFileUpload:{FILE_ID} on " in lines[0]
        )
        assert not {"\u202e", "\x1b"} & set(shown.out)
        assert "rejected  malformed" in lines[2]
        for words in (
            ("--dead-letters",),
            ("--type", "NewFileUpload"),
            ("--file", FILE_ID),
            ("--file", FILE_ID, "--file", "x"),
        ):
            chosen = await vod_bridge(*api, "--no-follow", *words, settings=NO_KAFKA)
            assert len(chosen.out.splitlines()) == 1, (words, chosen)
        one = await vod_bridge(
            *api, "--no-follow", "--json", "--app", "default", "--max", "1", settings=NO_KAFKA
        )
        assert json.loads(one.out)["file_id"] == FILE_ID
        process = await start_command(*api, "--from-beginning", "--max", "4", settings=NO_KAFKA)
        assert process.stdout
        for _ in range(3):
            await process.stdout.readline()
        await program.post(uploaded("came-later"))
        followed = await wait_for_exit(process)
        assert (followed.code, "file came-later" in followed.out) == (0, True), followed


async def test_the_deliveries_of_several_workers_are_shown_as_they_were_and_as_they_come(
    environment: Environment,
) -> None:
    async with running(environment, with_workers(2)) as program:
        await program.post(uploaded("came-before"))
        process = await start_command(
            "tail", "--api", program.admin_url, "--from-beginning", "--max", "2", settings=NO_KAFKA
        )
        assert process.stdout
        assert b"file came-before" in await process.stdout.readline()
        await program.post(uploaded("came-later"))
        followed = await wait_for_exit(process)
    assert (followed.code, "file came-later" in followed.out) == (0, True), followed


async def test_it_ends_with_who_reads_its_output(environment: Environment) -> None:
    async with running(environment) as program:
        reader, writer = os.pipe()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bridge", "tail", "--api", program.admin_url),
            stdout=writer,
            stderr=asyncio.subprocess.PIPE,
            env=process_environment(NO_KAFKA),
        )
        watch_process(process.pid)
        os.close(writer)
        os.close(reader)
        _, errors = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    assert (process.returncode, errors) == (0, b"")


async def test_the_token_comes_from_a_file_or_from_the_settings(
    environment: Environment, tmp_path: Path
) -> None:
    token = {"BRIDGE_ADMIN__READ_TOKEN": READ_TOKEN}
    (tmp_path / "token").write_text(READ_TOKEN)
    async with running(environment, token) as program:
        api = ("tail", "--no-follow", "--api", program.admin_url)
        refused = await vod_bridge(*api, settings=NO_KAFKA)
        assert (refused.code, "asks for a token: --token-file" in refused.err) == (1, True)
        for words, settings in ((("--token-file", str(tmp_path / "token")), {}), ((), token)):
            assert (await vod_bridge(*api, *words, settings=NO_KAFKA | settings)).code == 0


@pytest.mark.services
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--since", "2h"], "the last deliveries only"),
        (["--outcome", "failed"], "--outcome failed: the API knows how a delivery ended"),
        (["--token-file", "/no/such/file"], "--token-file /no/such/file: cannot be read"),
    ],
)
async def test_what_the_api_does_not_know_is_refused(words: list[str], text: str) -> None:
    result = await vod_bridge("tail", "--api", "http://127.0.0.1:1", *words)
    assert (result.code, text in result.err) == (2, True), result


@pytest.mark.services
async def test_what_is_no_bridge_is_reported_in_one_line() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=404 if "limit" in request.query else 200, text="hello")

    runner = web.AppRunner(site := web.Application())
    site.router.add_get("/api/v1/deliveries", answer)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        result = await vod_bridge("tail", "--api", f"http://127.0.0.1:{port}", "--no-follow")
        assert (result.code, "is not there: is this the admin port?" in result.err) == (1, True)
        result = await vod_bridge("tail", "--api", f"http://127.0.0.1:{port}")
        assert (result.code, "ended the stream" in result.err) == (1, True)
    finally:
        await runner.cleanup()
    result = await vod_bridge("tail", "--api", f"http://127.0.0.1:{port}")
    assert (result.code, "does not answer" in result.err, result.err.count("\n")) == (1, True, 1)
    result = await vod_bridge("tail", "--api", "localhost")
    assert result.code == 2


@pytest.mark.services
async def test_where_kafka_cannot_be_reached_tail_names_the_api() -> None:
    result = await vod_bridge("tail", "--no-follow", settings=NO_KAFKA)
    assert (result.code, "vod-bridge tail --api http://" in result.err) == (1, True)
