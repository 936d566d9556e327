"""Whatever standard output is, a command ends without a traceback."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from bridge.cli.commands import COMMANDS
from tests.cli.cli_process import TIMEOUT_S, CommandResult, environment, vod_bridge

pytestmark = pytest.mark.services

CHINESE = '{"EventType":"PullComplete","PullCompleteEvent":{"TaskId":"动物-😀-é","Status":"FINISH"}}'
NOTHING_REACHABLE = {
    "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "BRIDGE_REDIS__URL": "redis://127.0.0.1:1",
    "BRIDGE_HTTP__HOST": "192.0.2.7",  # so that `serve` ends by itself
    "BRIDGE_ADMIN__PORT": "0",
}
ASCII = {"PYTHONIOENCODING": "ascii"}
OLD_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
PYTHON_UTF8_LOCALE = {"LC_ALL": "C", "LANG": "C"}  # which takes it for UTF-8
# Arguments with which each command prints something, with text outside ASCII where it prints such.
COMMAND_ARGS = {
    "serve": (),
    "dev": ("--port", "99999"),
    "check": (),
    "topics": (),
    "send": ("{file}", "--url", "http://127.0.0.1:1/文"),
    "tail": ("--no-follow",),
    "drain": ("--spool", "{folder}/文"),
    "audit": ("--app", "文"),
    "vendor": ["--app", "default"],
    "schemas": ("文",),
    "replay": ("{folder}/无",),
    "explain": ("{file}",),
    "help": ("explain",),
    "record": ("文",),
    "fire": ("文",),
    "find": ("文",),
    "top": ("--url", "http://127.0.0.1:1"),
    "mcp": ("--files", "{folder}/无"),
}


def _command_line(name: str, folder: Path) -> list[str]:
    (folder / "文").mkdir(exist_ok=True)
    file = folder / "一.json"
    file.write_text(CHINESE, encoding="utf-8")
    return [name, *(arg.format(file=file, folder=folder) for arg in COMMAND_ARGS[name])]


async def _with_output_to(
    target: int, args: list[str], settings: dict[str, str] | None = None
) -> CommandResult:
    """Run it with this descriptor, which is closed, as its standard output."""
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bridge", *args),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=target,
            stderr=asyncio.subprocess.PIPE,
            env=environment(settings),
        )
    finally:
        os.close(target)
    _, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    return CommandResult(process.returncode or 0, "", err.decode())


async def _with_closed(streams: str, args: list[str], settings: dict[str, str]) -> CommandResult:
    """Run it by a shell that closes ``streams``."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'exec "$@" {streams}', "sh", sys.executable, "-m", "bridge", *args),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(settings),
    )
    out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    return CommandResult(process.returncode or 0, out.decode(), err.decode())


def _assert_no_traceback(result: CommandResult) -> None:
    assert "Traceback" not in result.out + result.err
    assert "Exception ignored" not in result.err
    assert "Error:" not in result.err


@pytest.mark.parametrize(
    ("name", "encoding"),
    [*((name, ASCII) for name in COMMANDS), ("explain", OLD_LOCALE), ("explain", PYTHON_UTF8_LOCALE)],
    ids=lambda one: one if isinstance(one, str) else "-".join(one),
)
async def test_what_an_encoding_cannot_show_is_escaped(
    name: str, encoding: dict[str, str], tmp_path: Path
) -> None:
    spool = {"BRIDGE_SPOOL__PATH": str(tmp_path / "spool")}
    result = await vod_bridge(
        *_command_line(name, tmp_path), settings={**NOTHING_REACHABLE, **spool, **encoding}
    )
    _assert_no_traceback(result)
    assert result.code in (0, 1, 2)
    assert result.out + result.err


async def test_escaped_text_shows_which_characters_it_had(tmp_path: Path) -> None:
    args = _command_line("explain", tmp_path)
    result = await vod_bridge(*args, settings={"PYTHONIOENCODING": "ascii"})
    assert result.code == 0
    assert "\\u52a8\\u7269-\\U0001f600-\\xe9  TaskId: whose event it is" in result.out
    result = await vod_bridge(*args, settings={"PYTHONIOENCODING": "utf-8"})
    assert "动物-😀-é  TaskId: whose event it is" in result.out


async def test_json_stays_json_in_any_encoding(tmp_path: Path) -> None:
    result = await vod_bridge(
        *_command_line("explain", tmp_path), "--json", settings={"PYTHONIOENCODING": "ascii"}
    )
    assert json.loads(result.out)["event"]["task_id"] == "动物-😀-é"


async def test_boxes_are_drawn_with_what_the_encoding_has() -> None:
    result = await vod_bridge("--help", settings={"PYTHONIOENCODING": "ascii"})
    assert result.out.isascii()
    assert "\\u" not in result.out
    assert "+- Commands -" in result.out


@pytest.mark.parametrize("name", COMMANDS)
async def test_where_nobody_reads_the_output_it_ends_without_a_message(name: str, tmp_path: Path) -> None:
    spool = {"BRIDGE_SPOOL__PATH": str(tmp_path / "spool")}
    read, write = os.pipe()
    os.close(read)
    result = await _with_output_to(write, _command_line(name, tmp_path), NOTHING_REACHABLE | spool)
    _assert_no_traceback(result)
    assert result.code in (0, 1, 2)


@pytest.mark.parametrize("more", [(), ("--json",)])
async def test_a_reader_that_has_seen_enough_gets_its_line_and_ends_the_command(
    more: tuple[str, ...], tmp_path: Path
) -> None:
    many = tmp_path / "many.jsonl"
    many.write_text("".join(f'{{"EventType":"X","Y":{{"TaskId":"{n}"}}}}\n' for n in range(5000)))
    read, write = os.pipe()
    running = asyncio.create_task(_with_output_to(write, ["explain", str(many), *more]))
    with os.fdopen(read) as reader:
        line = await asyncio.to_thread(reader.readline)
    result = await running
    assert (result.code, line[-1:], result.err) == (1, "\n", "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize("name", ["explain", "schemas", "help", "check"])
async def test_a_stream_that_was_closed_before_takes_anything(name: str, closed: str, tmp_path: Path) -> None:
    result = await _with_closed(closed, _command_line(name, tmp_path), NOTHING_REACHABLE)
    _assert_no_traceback(result)
    assert result.code == {"explain": 0, "schemas": 2, "help": 0, "check": 1}[name]


@pytest.mark.parametrize("more", [(), ("--json",)])
async def test_a_full_disk_is_one_line(more: tuple[str, ...], tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    result = await _with_output_to(full, [*_command_line("explain", tmp_path), *more])
    assert result.code == 1
    assert result.err == (
        "error: the output cannot be written (No space left on device): make room where it goes\n"
    )
