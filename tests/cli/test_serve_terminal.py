"""``vod-bridge serve`` on a terminal: the hints it prints, and two Ctrl-C."""

import asyncio
import os
import pty
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.cli_process import TIMEOUT_S, environment
from tests.rig.waiting import eventually

pytestmark = pytest.mark.services

SETTINGS = {
    "BRIDGE_HTTP__PORT": "0",
    "BRIDGE_ADMIN__PORT": "0",
    "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "BRIDGE_REDIS__URL": "redis://127.0.0.1:1",
    "TERM": "xterm",
}


@pytest.mark.parametrize(("deliveries", "told_of_them"), [("problems", True), ("all", False)])
async def test_a_terminal_shows_how_to_stop_it_and_how_to_see_deliveries(
    deliveries: str, *, told_of_them: bool, tmp_path: Path
) -> None:
    spool_settings = {"BRIDGE_SPOOL__PATH": str(tmp_path), "BRIDGE_LOG__DELIVERIES": deliveries}
    terminal_fd, child_fd = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "serve"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=child_fd,
        stderr=child_fd,
        env=environment({**SETTINGS, **spool_settings}),
    )
    os.close(child_fd)
    os.set_blocking(terminal_fd, False)
    output = bytearray()

    def visible_text() -> str:
        with suppress(OSError):  # nothing now, or the other end is closed
            output.extend(os.read(terminal_fd, 1 << 16))
        return re.sub(r"\x1b\[[0-9;]*m", "", output.decode(errors="replace"))

    try:
        await eventually(lambda: "listening" in visible_text(), "it listens", within_s=TIMEOUT_S)
        process.send_signal(signal.SIGINT)
        await eventually(lambda: "stopping" in visible_text(), "it stops", within_s=TIMEOUT_S)
        assert "a second signal ends it at once" in visible_text()
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), TIMEOUT_S) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        text = visible_text()
        os.close(terminal_fd)
    assert "Ctrl-C stops it in good order" in text
    assert ("BRIDGE_LOG__DELIVERIES=all shows each delivery" in text) is told_of_them
