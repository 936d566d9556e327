"""The systemd unit: systemd takes it, it is hardened, and leaves the program the time that a stop takes."""

import re
import shutil
from pathlib import Path

import pytest

from bridge.settings.settings import load
from tests.rig.parts import ROOT, MissingPartError
from tests.rig.tools import ProcessResult, run_command

UNIT = ROOT / "deploy" / "systemd" / "vod-event-bridge.service"
LINES = UNIT.read_text(encoding="utf-8").splitlines()
PROGRAM = "/opt/vod-event-bridge/bin/vod-bridge"
# Of 100: what runs as root without any of it has 96, and under 20 all that is left is what the bridge needs.
EXPOSURE_MAX = "20"


def value(name: str) -> str:
    """Give the one value that the unit has for a name."""
    (found,) = [line.partition("=")[2] for line in LINES if line.startswith(f"{name}=")]
    return found


def analyze(folder: Path, *words: str, text: str | None = None) -> ProcessResult:
    """Run systemd-analyze on the unit, whose program is there; `MissingPartError` without it."""
    found = shutil.which("systemd-analyze")
    if found is None:
        raise MissingPartError("systemd", "no systemd-analyze on PATH")
    program = folder / "vod-bridge"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    unit = folder / UNIT.name
    unit.write_text((text or "\n".join(LINES)).replace(PROGRAM, str(program)), encoding="utf-8")
    return run_command([found, *words, str(unit)])


@pytest.mark.chart
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    done = analyze(tmp_path, "verify", "--man=no")
    assert (done.code, done.output.strip()) == (0, "")


@pytest.mark.chart
def test_a_misspelt_directive_would_be_found(tmp_path: Path) -> None:
    done = analyze(tmp_path, "verify", "--man=no", text="\n".join(LINES).replace("LimitCORE", "LimitCOER"))
    assert "LimitCOER" in done.output


@pytest.mark.chart
def test_it_is_hardened(tmp_path: Path) -> None:
    done = analyze(tmp_path, "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager")
    assert done.code == 0, done.output


def test_it_has_time_to_stop() -> None:
    promised = re.search(
        r"exits with 0 within (\d+) s", (ROOT / "docs" / "howto" / "outages.md").read_text(encoding="utf-8")
    )
    assert promised
    assert int(value("TimeoutStopSec")) >= int(promised[1]) + 5
    # The supervisor stops its workers itself; whoever is left is killed with the group.
    assert value("KillMode") == "mixed"


def test_docker_waits_as_long_for_a_stop() -> None:
    page = (ROOT / "docs" / "howto" / "docker.md").read_text(encoding="utf-8")
    (waits,) = set(re.findall(r"--stop-timeout (\d+)", page))
    assert waits == value("TimeoutStopSec")


def test_its_type_is_one_that_the_program_fulfils() -> None:
    # `notify` waits for a message that the program does not send: every start would fail.
    assert value("Type") == "exec"
    assert "WatchdogSec" not in "".join(LINES)


def test_a_core_file_holds_no_secret_and_a_spool_is_nobody_elses() -> None:
    assert value("LimitCORE") == "0"
    assert value("StateDirectoryMode") == "0700"
    assert f"/var/lib/{value('StateDirectory')}" == load(environment={}).spool.path


def test_the_example_of_settings_is_understood(tmp_path: Path) -> None:
    text = UNIT.with_name("bridge.env").read_text(encoding="utf-8")
    settings = dict(re.findall(r"^#?(BRIDGE_\w+)=(.*)$", text, re.MULTILINE))
    for name, given in settings.items():
        if name.endswith("_FILE"):
            file = tmp_path / Path(given).name
            file.write_text("0123456789abcdef", encoding="utf-8")
            settings[name] = str(file)
    loaded = load(environment=settings)
    assert (loaded.http.workers, loaded.admin.host) == (0, "127.0.0.1")
    assert list(loaded.apps) == ["my-shop"]


@pytest.mark.chart
def test_the_account_is_made_by_sysusers(tmp_path: Path) -> None:
    name = "vod-event-bridge"
    found = shutil.which("systemd-sysusers")
    if found is None:
        raise MissingPartError("systemd", "no systemd-sysusers on PATH")
    (tmp_path / "etc").mkdir()
    command = [found, f"--root={tmp_path}", str(UNIT.with_suffix(".sysusers"))]
    done = run_command(command)
    assert done.code == 0, done.output
    assert f"{name}:" in (tmp_path / "etc" / "passwd").read_text(encoding="utf-8")
    assert value("User") == value("Group") == name
