"""The check of the spool's folder: what cannot be used is an error with its path, and never a traceback."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ByteSize

from bridge.operations.check.finding import Finding
from bridge.operations.check.spool import check_spool
from bridge.settings.sections import SpoolSettings
from tests.cli.cli_process import vod_bridge

NOBODY = 65534
# Run before as root: what is imported late may lie where nobody may read.
AS_NOBODY = f"""
import contextlib, io, os
import bridge.cli.commands
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    bridge.cli.commands.app(prog_name="vod-bridge")
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
bridge.cli.commands.main()
"""


def _check(path: Path, max_bytes: int = 1 << 20) -> Finding:
    return check_spool(
        SpoolSettings(path=str(path), max_bytes=ByteSize(max_bytes), free_min_bytes=ByteSize(0))
    )


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


def test_an_existing_folder_is_ok_and_unchanged(tmp_path: Path) -> None:
    assert _check(tmp_path).state == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_be_created_is_ok_and_not_created(tmp_path: Path) -> None:
    assert _check(tmp_path / "a" / "b").state == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_nobody_can_make_has_failed_for_its_own_reason() -> None:
    found = _check(Path("/proc/nope"))
    assert found.state == "failed"
    assert found.message == "/proc/nope cannot be written: no such file or directory (in /proc)"
    assert "BRIDGE_SPOOL__PATH" in found.remedy


@pytest.mark.parametrize("below", ["", "spool", "spool/deeper"])
def test_a_file_in_the_way_has_failed(below: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = _check(tmp_path / "file" / below if below else tmp_path / "file")
    assert (found.state, "not a directory" in found.message) == ("failed", True)


def test_too_little_space_is_a_warning(tmp_path: Path) -> None:
    found = _check(tmp_path, 1 << 60)
    assert (found.state, "bytes free" in found.message) == ("warning", True)


def test_no_spool_at_all_is_a_warning() -> None:
    assert _check(Path("/proc/nope"), 0).state == "warning"


async def test_a_parent_that_may_not_be_entered_has_failed_and_the_command_ends_with_1(
    closed_folder: Path,
) -> None:
    result = await _check_as_nobody(closed_folder / "spool")
    assert result[0] == 1
    assert f"failed  spool: {closed_folder}/spool cannot be written: permission denied" in result[1]
    assert "Traceback" not in result[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave files to another user")
async def test_what_another_user_left_there_has_failed(tmp_path: Path) -> None:
    spool = Path("/tmp") / f"vod-bridge-{os.getpid()}-{tmp_path.name}"  # noqa: S108 - pytest's own is root's alone
    _left_by_root(spool)
    try:
        result = await _check_as_nobody(spool)
    finally:
        (spool / "lock").unlink()
        spool.rmdir()
    assert result[0] == 1
    assert f"failed  spool: {spool}/lock belongs to another user" in result[1]


def _left_by_root(spool: Path) -> None:
    spool.mkdir()
    spool.chmod(0o777)
    (spool / "lock").touch(mode=0o600)


async def _check_as_nobody(spool: Path) -> tuple[int, str]:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens: Kafka and Redis fail at once
        port = closed.getsockname()[1]
        settings = {
            "BRIDGE_SPOOL__PATH": str(spool),
            "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{port}",
            "BRIDGE_REDIS__URL": f"redis://127.0.0.1:{port}",
        }
        result = await vod_bridge("check", settings=settings, python=("-c", AS_NOBODY))
    return result.code, result.out + result.err
