"""``vod-bridge serve`` with one process: what signals do that are meant for several."""

from pathlib import Path

import pytest

from tests.rig.program import Program
from tests.rig.waiting import eventually

pytestmark = pytest.mark.services

SETTINGS = {
    "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "BRIDGE_REDIS__URL": "redis://127.0.0.1:1",
    "BRIDGE_LOG__FORMAT": "json",
}


async def test_sighup_is_ignored_by_one_process_alone_and_logged(tmp_path: Path) -> None:
    settings = SETTINGS | {"BRIDGE_SPOOL__PATH": str(tmp_path)}
    async with Program(settings, wait_for="/livez") as program:
        program.process.hang_up()
        await eventually(
            lambda: "sighup_ignored" in program.log() or program.process.exit_code is not None,
            "it takes notice",
        )
        answer = await program.admin("/livez")
        log = program.log()
        assert await program.terminate() == 0

    assert answer.status == 200
    assert "SIGHUP is only for several workers" in log
