"""A command is imported when it is run, and not before; the list and the helps are the commands' own."""

import inspect
import json
import re
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli import app
from bridge.cli.commands import COMMANDS
from bridge.cli.support.offline_settings import effective_applications, effective_routing
from bridge.settings.settings import Settings
from tests.cli.cli_process import vod_bridge
from tests.rig.parts import ROOT

SHOW_MODULES = """
import json, sys
from bridge.cli import main
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
NEEDS_A_CONNECTION = frozenset({"aiohttp", "aiokafka", "redis", "uvloop", "opentelemetry"})
NEEDS_SETTINGS = frozenset({"bridge.settings", "bridge.wiring", "structlog", "prometheus_client"})


async def _modules(*words: str, settings: dict[str, str] | None = None) -> set[str]:
    result = await vod_bridge(*words, settings=settings, python=("-c", SHOW_MODULES))
    assert result.code == 0, result.err
    return set(json.loads(result.err.splitlines()[-1]))


def _plain_output(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "120", "TERMINAL_WIDTH": "120"})
    assert result.exit_code == 0, result.output
    return re.sub(r"\x1b\[[0-9;]*m", "", result.output)


async def test_the_help_imports_no_command_and_not_even_the_library_that_checks_what_was_typed() -> None:
    loaded = await _modules("--help")
    assert not loaded & (NEEDS_A_CONNECTION | NEEDS_SETTINGS | {"pydantic", "asyncio", "msgspec"})
    assert not loaded & {one.module for one in COMMANDS.values()}


async def test_to_explain_a_file_nothing_is_imported_that_connects_or_reads_settings(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{"EventType":"X","Y":{"TaskId":"1"}}')
    loaded = await _modules("explain", str(tmp_path / "one.json"))
    assert not loaded & (NEEDS_A_CONNECTION | NEEDS_SETTINGS)
    loaded = await _modules(
        "explain", str(tmp_path / "one.json"), settings={"BRIDGE_KAFKA__TOPIC": "a.{type}"}
    )
    assert not loaded & (NEEDS_A_CONNECTION | {"bridge.wiring"})


def test_where_nothing_is_set_the_defaults_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRIDGE_CONFIG", raising=False)
    assert effective_routing(None) == Settings().routing()
    assert effective_applications(None) == Settings().applications()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_has_each_command_with_the_first_line_of_its_own_help(name: str) -> None:
    entry = COMMANDS[name]
    own = inspect.getdoc(getattr(import_module(entry.module), entry.function)) or ""
    assert own.splitlines()[0] == entry.summary, "in bridge/cli/commands.py"
    assert (
        " ".join(re.sub("[│|]", " ", _plain_output("--help")).split()).count(f"{name} {entry.summary}") == 1
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_no_sentence_of_a_help_breaks_in_the_middle(name: str) -> None:
    """The library joins the lines of the first paragraph, and leaves those of the others as they are."""
    entry = COMMANDS[name]
    text = inspect.getdoc(getattr(import_module(entry.module), entry.function)) or ""
    assert [part for part in text.split("\n\n")[1:] if "\n" in part] == []


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_an_option_that_takes_nothing_shows_no_type_and_none_shows_python(name: str) -> None:
    shown = _plain_output(*([name] if name else []), "--help")
    assert "<bool>" not in shown
    assert "list[" not in shown
    assert " range>" not in shown


def test_an_option_that_takes_something_shows_what() -> None:
    assert re.search(r"--concurrency +<int> \[1<=x<=1000\]", _plain_output("send", "--help"))
    assert re.search(r"--app +<str> ", _plain_output("tail", "--help"))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_is_what_the_command_itself_shows(name: str) -> None:
    assert _plain_output("help", name) == _plain_output(name, "--help")


def test_help_alone_is_the_help_of_all() -> None:
    assert _plain_output("help") == _plain_output("--help")


@pytest.mark.parametrize("words", [("help", "replya"), ("replya",)])
def test_a_typing_error_in_a_commands_name_is_reported_with_the_nearest_one(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 2
    assert re.search(r"Did you mean '(help|replay)'", result.output)
    assert "'replay'" in result.output


def test_every_command_of_the_readme_is_one() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named_commands = set(re.findall(r"\bvod-bridge ([a-z]+)\b", text))
    assert named_commands <= COMMANDS.keys()
