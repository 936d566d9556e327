"""A start that fails: one line gives the reason and the setting, and nothing is left open."""

import fcntl
import os
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.cli_process import CommandResult, vod_bridge

pytestmark = pytest.mark.services

_PRIVILEGED = 80
_FIRST_FREE = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


async def _serve(spool: Path, settings: Mapping[str, str]) -> CommandResult:
    defaults = {
        "BRIDGE_HTTP__PORT": "0",
        "BRIDGE_ADMIN__PORT": "0",
        "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "BRIDGE_REDIS__URL": "redis://127.0.0.1:1",
        "BRIDGE_SPOOL__PATH": str(spool),
    }
    return await vod_bridge("serve", settings={**defaults, **settings})


def _file_names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def _assert_one_line_error(result: CommandResult) -> None:
    assert result.code == 1
    assert result.err.count("\n") == 1
    assert "Unclosed" not in result.out + result.err
    assert "Traceback" not in result.out + result.err


@pytest.mark.parametrize("section", ["HTTP", "ADMIN"])
async def test_a_port_in_use_is_named_with_its_setting(section: str, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        settings_in_use = {f"BRIDGE_{section}__HOST": "127.0.0.1", f"BRIDGE_{section}__PORT": str(port)}
        result = await _serve(tmp_path, settings_in_use)
    _assert_one_line_error(result)
    assert result.err == (
        f"error: cannot listen on 127.0.0.1:{port}: address already in use:"
        f" end what listens there, or set BRIDGE_{section}__PORT to a free port\n"
    )


@pytest.mark.parametrize("section", ["HTTP", "ADMIN"])
@pytest.mark.parametrize(
    ("host", "why"), [("no-such-host.invalid", "not known"), ("192.0.2.7", "cannot assign requested address")]
)
async def test_an_address_of_another_machine_is_named_with_its_setting(
    section: str, host: str, why: str, tmp_path: Path
) -> None:
    result = await _serve(tmp_path, {f"BRIDGE_{section}__HOST": host})
    _assert_one_line_error(result)
    assert why in result.err
    assert f"set BRIDGE_{section}__HOST to an address of this machine" in result.err


@pytest.mark.skipif(
    os.geteuid() == 0 or int(_FIRST_FREE.read_text()) <= _PRIVILEGED,
    reason="any port may be listened on here",
)
async def test_a_privileged_port_is_reported_with_its_remedy(tmp_path: Path) -> None:
    result = await _serve(tmp_path, {"BRIDGE_HTTP__PORT": str(_PRIVILEGED)})
    _assert_one_line_error(result)
    assert "set BRIDGE_HTTP__PORT to 1024 or above" in result.err


async def test_a_spool_that_another_process_has_is_reported_and_unchanged(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = await _serve(tmp_path, {})
        assert _file_names(tmp_path) == ["lock"]
    _assert_one_line_error(result)
    assert "give each bridge a folder of its own (BRIDGE_SPOOL__PATH)" in result.err


async def test_a_spool_that_cannot_be_written_is_logged_with_its_setting_and_what_to_do(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    settings_in_use = {"BRIDGE_ADMIN__HOST": "192.0.2.7"}  # so that it ends by itself
    result = await _serve(tmp_path / "file" / "spool", settings_in_use)
    (line,) = [line for line in result.out.splitlines() if "spool_unavailable" in line]
    assert "Not a directory" in line
    assert "the folder that BRIDGE_SPOOL__PATH names" in line


async def test_a_config_file_that_is_not_there_names_the_option(tmp_path: Path) -> None:
    result = await vod_bridge("serve", "--config", str(tmp_path / "no.toml"))
    assert result.code == 2
    assert f"--config = '{tmp_path}/no.toml': cannot be read: No such file or directory" in result.err


async def test_what_is_wrong_in_the_config_file_is_reported_by_its_key(tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text('[kafka]\nbootstrap_server = "kafka:9092"\n')
    result = await vod_bridge("serve", "--config", str(file))
    assert result.code == 2
    assert (
        f"kafka.bootstrap_server in {file}: no such setting; did you mean kafka.bootstrap_servers?"
        in result.err
    )
