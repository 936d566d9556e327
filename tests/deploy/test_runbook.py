"""What operators are told to type can be typed: commands, options, settings and panels are there."""

import json
import re
from pathlib import Path

import pytest

from bridge.cli.commands import load_command
from bridge.settings.settings import describe
from tests.rig.parts import ROOT
from tests.rig.yaml_text import read_yaml

DEPLOY = ROOT / "deploy"
FILES = DEPLOY / "chart" / "files"
RUNBOOK = (DEPLOY / "RUNBOOK.md").read_text(encoding="utf-8")
ALERTS = "\n".join(
    rule["annotations"]["description"]
    for rule in read_yaml((FILES / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    if "alert" in rule
)
TOLD = re.sub(
    r"\{\{.*?\}\}", "NAME", RUNBOOK + ALERTS + (DEPLOY / "chart" / "README.md").read_text(encoding="utf-8")
)
COMMANDS = sorted({" ".join(words.split()) for words in re.findall(r"`vod-bridge ([^`]+)`", TOLD)})


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_that_is_shown_is_complete(tmp_path: Path, words: str) -> None:
    name, *given = words.replace("PATH", str(tmp_path)).split()
    assert load_command(name).make_context(name, given).command.name == name


def test_the_commands_that_recover_events_are_shown() -> None:
    assert {"drain --spool PATH", "audit --app NAME --backfill", "topics --create"} <= set(COMMANDS)


def test_settings_that_are_named_exist() -> None:
    told = set(re.findall(r"BRIDGE_[A-Z]+__[A-Z_<>]+", TOLD))
    assert told
    assert told <= {name for name, _, _ in describe()}


def test_panels_that_are_named_are_on_the_dashboard() -> None:
    panels = {panel["title"] for panel in json.loads((FILES / "dashboard.json").read_bytes())["panels"]}
    told = set(re.findall(r'dashboard, "([^"]+)"', RUNBOOK))
    assert told
    assert told <= panels
