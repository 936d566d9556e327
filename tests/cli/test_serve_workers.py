"""``vod-bridge serve`` with one process and with several: what differs between them, and is logged."""

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


async def test_a_roll_without_the_spool_is_logged_since_its_folder_stays_undrained(tmp_path: Path) -> None:
    config = tmp_path / "bridge.toml"
    config.write_text("", encoding="utf-8")
    settings = SETTINGS | {"BRIDGE_HTTP__WORKERS": "2", "BRIDGE_CONFIG": str(config)}
    async with Program(settings, wait_for="/livez") as program:
        config.write_text("[spool]\nmax_bytes = 0\n", encoding="utf-8")
        program.process.hang_up()
        await eventually(lambda: "workers_replacing" in program.log(), "the roll begins")
        problems = [
            line["problem"] for line in program.log_lines() if line["event"] == "spool_change_needs_restart"
        ]
        program.kill()

    assert len(problems) == 1
    assert "spool.max_bytes is 0 now" in problems[0]
