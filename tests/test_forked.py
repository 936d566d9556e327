"""What `tests.rig.forked` starts is a process as any other, and what it cannot fork is started anew."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.cli_process import environment, start_command, vod_bridge, wait_for_exit
from tests.examples import FULL
from tests.rig.waiting import eventually

pytestmark = pytest.mark.skipif(
    FULL or sys.platform != "linux", reason="other: every process is started anew"
)

COMMAND = [sys.executable, "-m", "bridge", "--version"]


def _command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")


def _parent(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return int(stat.rpartition(")")[2].split()[1])


async def test_a_forked_command_has_its_own_input_output_and_exit_code() -> None:
    explained = await vod_bridge("explain", "-", stdin=b'{"EventType":"X","Y":{"TaskId":"17"}}')
    assert (explained.code, "17" in explained.out, explained.err) == (0, True, "")
    refused = await vod_bridge("explain", "--no-such-option")
    assert (refused.code, refused.out, "--no-such-option" in refused.err) == (2, "", True)


async def test_a_forked_command_has_no_setting_but_those_it_is_given() -> None:
    first = await vod_bridge("serve", settings={"BRIDGE_HTTP__PORT": "no number"})
    second = await vod_bridge("serve", settings={"BRIDGE_ADMIN__PORT": "no number"})
    assert ("BRIDGE_HTTP__PORT" in first.err, "BRIDGE_ADMIN__PORT" in first.err) == (True, False)
    assert ("BRIDGE_HTTP__PORT" in second.err, "BRIDGE_ADMIN__PORT" in second.err) == (False, True)


async def test_a_forked_command_has_no_callback_url_but_the_one_it_is_given() -> None:
    sent = await vod_bridge("send", "-", stdin=b"{}", settings={"VOD_CALLBACK_URL": "ftp://one"})
    again = await vod_bridge("send", "-", stdin=b"{}", settings={"VOD_CALLBACK_URL": ""})
    assert (sent.code, "ftp://one" in sent.err, "ftp://one" in again.err) == (2, True, False)


async def test_a_command_that_is_given_an_account_is_forked() -> None:
    process = await start_command("explain", "-", settings={"VOD_SECRET_ID": "AKIDx"})
    assert "fork_server" in _command_line(process.pid)
    assert "rejected" in (await wait_for_exit(process, b"{}")).out


async def test_a_forked_command_is_our_child_and_ends_by_a_signal() -> None:
    process = await start_command("explain", "-")
    assert "fork_server" in _command_line(process.pid)
    assert _parent(process.pid) == os.getpid()
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL


async def test_with_another_variable_it_is_started_anew() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "explain", "-"),
        stdin=asyncio.subprocess.PIPE,
        env=environment() | {"PYTHONUTF8": "1"},
    )
    await eventually(lambda: "explain" in _command_line(process.pid), "it is started")
    assert "fork_server" not in _command_line(process.pid)
    process.kill()
    await process.wait()


def test_subprocess_starts_it_likewise(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        assert subprocess.run(COMMAND, stdout=out, check=False).returncode == 0  # noqa: S603 - our own
    assert (tmp_path / "out").read_text(encoding="utf-8").startswith("vod-bridge ")
    anew = subprocess.run(COMMAND, check=False, capture_output=True, cwd=tmp_path)  # noqa: S603 - our own
    assert (anew.returncode, anew.stdout[:11]) == (0, b"vod-bridge ")
