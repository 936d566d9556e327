"""Completion in a shell: as it is installed, and as it answers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.cli.commands import COMMANDS
from tests.cli.cli_process import environment

pytestmark = pytest.mark.services

# What bash does at the tab key, for a line whose last argument is the one to complete.
COMPLETE_SCRIPT = """
source "$HOME/.bashrc"
COMP_WORDS=("$@")
COMP_CWORD=$(( $# - 1 ))
$(complete -p vod-bridge | sed 's/.*-F \\([^ ]*\\).*/\\1/') vod-bridge "${COMP_WORDS[COMP_CWORD]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a home with the command on its path."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "vod-bridge"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bridge "$@"\n')
    command.chmod(0o755)
    (tmp_path / "home").mkdir()
    return tmp_path


def _bash(home: Path, script: str, *words: str) -> str:
    path = f"{home / 'bin'}:{os.environ['PATH']}"
    own = environment({"HOME": str(home / "home"), "PATH": path})
    process = subprocess.run(  # noqa: S603 - our own arguments
        ["bash", "--norc", "-c", script, *words],  # noqa: S607 - the shell of this machine
        env=own,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (process.returncode, "Traceback" in process.stderr) == (0, False), process.stderr
    return process.stdout


def _completed(home: Path, *line: str) -> set[str]:
    return set(_bash(home, COMPLETE_SCRIPT, "bash", "vod-bridge", *line).split())


def test_in_bash_it_is_installed_once_and_completes_commands_options_and_values(home: Path) -> None:
    for _ in range(2):
        result = _bash(home, "vod-bridge --install-completion; true")
        assert "bash completion installed in " in result
    assert (home / "home" / ".bashrc").read_text().count("vod-bridge.sh") == 1
    assert _completed(home, "") >= COMMANDS.keys()
    assert _completed(home, "re") == {"record", "replay"}
    assert {"--dead-letters", "--since", "--execute", "--help"} <= _completed(home, "replay", "--")
    assert _completed(home, "tail", "--outcome", "f") == {"failed"}
    assert _completed(home, "send", "--sign-in", "") == {"body", "query"}
    assert _completed(home, "send", "--example", "Transc") == {"TranscodeComplete"}


@pytest.mark.parametrize(
    ("shell", "request_", "expected"),
    [
        ("zsh", {"_TYPER_COMPLETE_ARGS": "vod-bridge exp"}, '"explain"'),
        (
            "fish",
            {"_TYPER_COMPLETE_ARGS": "vod-bridge exp", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
            "explain\tShow what the bridge would make",
        ),
    ],
)
def test_other_shells_are_answered_in_their_way(
    shell: str, request_: dict[str, str], expected: str, home: Path
) -> None:
    request_env = " ".join(f"{name}='{value}'" for name, value in request_.items())
    assert expected in _bash(home, f"{request_env} _VOD_BRIDGE_COMPLETE=complete_{shell} vod-bridge")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_where_the_shell_is_there_it_takes_the_script(shell: str, home: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    script = _bash(home, f"{shell} -c 'vod-bridge --show-completion; true'")
    (home / "script").write_text(script)
    _bash(home, f"{shell} --no-execute {home}/script")
