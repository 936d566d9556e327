"""``vod-bridge schemas``: what it lists, prints and exports is what is published, as it is set."""

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli import app
from bridge.core.catalogue import EVENT_TYPES
from tests.rig.parts import ROOT
from tests.schemas.conftest import Parse
from tests.schemas.reading import NAMES, PUBLISHED, cut, read_document

FILES = {*(f"{name}.v1.schema.json" for name in NAMES), "asyncapi.yaml"}


def error_output(*arguments: str) -> str:
    """Run the command, which ends well, and give what it wrote."""
    result = CliRunner().invoke(app, ["schemas", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_its_help_shows_an_example() -> None:
    assert "Example: vod-bridge schemas TranscodeComplete" in error_output("--help")


def test_it_lists_type_topic_and_schema_a_line_each() -> None:
    head, *lines = error_output().splitlines()
    assert head.split() == ["type", "topic", "schema"]
    assert [line.split()[0] for line in lines] == NAMES
    assert lines[0].split() == [
        "NewFileUpload",
        "vod.NewFileUpload",
        "urn:vod-event-bridge:schemas:NewFileUpload.v1",
    ]


def test_it_lists_them_for_machines_under_the_names_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_KAFKA__TOPIC", "media.{type}")
    monkeypatch.setenv("BRIDGE_KAFKA__TOPIC_OTHER", "media.rest")
    monkeypatch.setenv("BRIDGE_SCHEMAS__BASE_URI", "https://schemas.example/vod/")
    listed = {entry["type"]: entry for entry in json.loads(error_output("--json"))}
    assert list(listed) == NAMES
    assert listed["PullComplete"] == {
        "type": "PullComplete",
        "topic": "media.PullComplete",
        "schema": "https://schemas.example/vod/PullComplete.v1",
    }
    assert listed["event"]["topic"] == "media.rest"
    assert json.loads(error_output("PullComplete"))["$id"] == "https://schemas.example/vod/PullComplete.v1"


@pytest.mark.parametrize("name", NAMES)
def test_it_prints_each_as_it_is_published(name: str) -> None:
    published = (PUBLISHED / f"{name}.v1.schema.json").read_text(encoding="utf-8")
    assert error_output(name) == published
    assert error_output(f"{name}.v1") == published


def test_it_exports_all_as_they_are_published(tmp_path: Path) -> None:
    assert error_output("--export", str(tmp_path / "new")) == f"{len(FILES)} files in {tmp_path / 'new'}\n"
    assert {path.name for path in (tmp_path / "new").iterdir()} == FILES
    for name in FILES:
        assert (tmp_path / "new" / name).read_bytes() == (PUBLISHED / name).read_bytes()


def test_its_asyncapi_has_the_names_that_are_set_and_is_valid(
    parse: Parse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = []
    for number, template in enumerate(["{app}.vod.{type}", "everything"]):
        monkeypatch.setenv("BRIDGE_KAFKA__TOPIC", template)
        monkeypatch.setenv("BRIDGE_KAFKA__TOPIC_OTHER", "123")
        monkeypatch.setenv("BRIDGE_KAFKA__TOPIC_DEAD_LETTER", "null")
        monkeypatch.setenv("BRIDGE_SCHEMAS__BASE_URI", "https://schemas.example/")
        error_output("--export", str(tmp_path / template))
        exported = read_document(tmp_path / template / "asyncapi.yaml")
        assert {channel["address"] for channel in exported["channels"].values()} == {
            *(template.replace("{type}", row.name) for row in EVENT_TYPES),
            "123",
            "null",
        }
        (example,) = exported["components"]["messages"]["PullComplete"]["examples"]
        assert example["headers"]["ce_dataschema"] == "https://schemas.example/PullComplete.v1"
        small.append(cut(exported, tmp_path / str(number)))
    assert [found["errors"] for found in parse(*small)] == [[], []]


@pytest.mark.parametrize(
    "arguments", [["Transcode"], ["PullComplete", "--export", "x"], ["--no-such-option"]], ids=" ".join
)
def test_used_wrongly_it_ends_with_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["schemas", *arguments])
    assert result.exit_code == 2
    if arguments == ["Transcode"]:
        assert "is it TranscodeComplete?" in result.output


def test_a_folder_that_cannot_be_written_to_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["schemas", "--export", str(tmp_path / "file")])
    assert (result.exit_code, result.output.count("\n")) == (1, 1)


def test_the_wheel_carries_all_that_it_shows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "schemas/*" in project["tool"]["setuptools"]["package-data"]["bridge"]
    assert {path.name for path in PUBLISHED.iterdir()} == FILES


@pytest.mark.parametrize("start", ["it's: {x}", "no-scheme", ""])
def test_a_base_uri_that_is_no_uri_is_an_issue(monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    monkeypatch.setenv("BRIDGE_SCHEMAS__BASE_URI", start)
    result = CliRunner().invoke(app, ["schemas"])
    assert result.exit_code == 2
    assert "BRIDGE_SCHEMAS__BASE_URI" in result.output
    assert "the start of a URI" in result.output
