"""What every command has in common: help with an example, exit codes, one clear line for a mistake."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge import __version__
from bridge.cli import app
from bridge.cli.commands import COMMANDS
from bridge.cli.interpreter import describe_interpreter


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_commands_help_shows_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Example: " in _plain(result.output)
    assert f"vod-bridge {command}" in _plain(result.output)


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.output == f"vod-bridge {__version__}\n{describe_interpreter()}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["no-such-command"],
        ["tail", "--no-such-option"],
        ["tail", "--max", "-1"],
        ["dev", "--port", "70000"],
        ["send"],
        ["send", "/no/such/file"],
        ["send", "-", "--url", "localhost:8080"],
        ["send", "-", "--sign-in", "header"],
    ],
)
def test_used_wrongly_ends_with_2(words: list[str]) -> None:
    assert CliRunner().invoke(app, words).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "--run", "--again"],
        ["replay", "--execute", "--restart"],
        ["drain", "--patience", "5"],
        ["drain", "--idle-timeout", "5"],
        ["tail", "--outcome", "rejected"],
        ["tail", "--dead-letters"],
    ],
)
def test_options_are_accepted_by_their_former_names_too(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, [*arguments, "--help"]).exit_code == 0


@pytest.mark.parametrize("command", ["serve", "topics", "tail"])
def test_wrong_settings_are_listed_all_at_once(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_HTTP__PORT", "eighty")
    monkeypatch.setenv("BRIDGE_KAFKA__NIX", "1")
    result = CliRunner().invoke(app, [command])
    assert result.exit_code == 2
    assert "BRIDGE_HTTP__PORT = 'eighty'" in result.output
    assert "BRIDGE_KAFKA__NIX" in result.output


def test_check_counts_wrong_settings_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_REDIS__URL", "http://nowhere")
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 1
    assert result.output.startswith("failed  settings: BRIDGE_REDIS__URL")


def test_certificates_that_cannot_be_used_are_a_wrong_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificate")
    monkeypatch.setenv("BRIDGE_KAFKA__SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("BRIDGE_KAFKA__SSL_CAFILE", str(empty))
    result = CliRunner().invoke(app, ["topics"])
    assert result.exit_code == 2
    assert "ssl_cafile, ssl_certfile or ssl_keyfile cannot be used" in result.output
