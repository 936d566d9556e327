"""The generators of the contract: they detect stale files, and a new event type is one row for them."""

import ast
import re
import shutil
from pathlib import Path

import pytest

from bridge.core import payloads as vod
from bridge.core.catalogue import EVENT_TYPES, EventType
from tests.schemas.reading import PUBLISHED, SCHEMAS, schema, tool

PAGE = (SCHEMAS / "README.md").read_text(encoding="utf-8")


def test_a_new_type_is_one_row() -> None:
    json_schemas, readme = tool("gen_json_schemas"), tool("gen_schemas_readme")
    row = EventType("ANewComplete", vod.PullUploadTask, file_id_paths=("FileId",))
    json_schemas.EVENT_TYPES = readme.EVENT_TYPES = (*EVENT_TYPES, row)
    generated = dict(json_schemas.schemas())["ANewComplete"]
    assert generated["$id"] == "urn:vod-event-bridge:schemas:ANewComplete.v1"
    assert generated["properties"]["type"]["const"] == "ANewComplete"
    assert set(generated["$defs"]["PullUploadTask"]["properties"]) == set(row.struct.__struct_fields__)
    link = "[schema](../bridge/schemas/ANewComplete.v1.schema.json)"
    assert f"| `vod.ANewComplete` | `FileId`, `TaskId` |  | {link} |" in readme.topics_table()


def test_a_stale_schema_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    json_schemas = tool("gen_json_schemas")
    json_schemas.ROOT, json_schemas.PUBLISHED = tmp_path, tmp_path / "wheel"
    shutil.copytree(PUBLISHED, json_schemas.PUBLISHED)
    assert json_schemas.main(["--check"]) == 0
    (json_schemas.PUBLISHED / "PullComplete.v1.schema.json").write_text("{}", encoding="utf-8")
    (json_schemas.PUBLISHED / "Gone.v1.schema.json").write_text("{}", encoding="utf-8")
    assert json_schemas.main(["--check"]) == 1
    stale = capsys.readouterr().err.splitlines()
    assert [line.split(" is not ")[0] for line in stale] == [
        "wheel/Gone.v1.schema.json",
        "wheel/PullComplete.v1.schema.json",
    ]


def test_a_stale_document_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncapi = tool("gen_asyncapi")
    asyncapi.ROOT, asyncapi.TARGET = tmp_path, tmp_path / "asyncapi.yaml"
    assert asyncapi.main([]) == 0
    assert (tmp_path / "asyncapi.yaml").read_bytes() == (PUBLISHED / "asyncapi.yaml").read_bytes()
    assert asyncapi.main(["--check"]) == 0
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 3.0.0\n", encoding="utf-8")
    assert asyncapi.main(["--check"]) == 1
    assert capsys.readouterr().err.startswith("asyncapi.yaml is not what ")


def test_a_stale_page_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = tool("gen_schemas_readme")
    readme.PAGE = tmp_path / "README.md"
    readme.PAGE.write_text(PAGE.replace("`vod.PullComplete`", "`vod.PushComplete`"), encoding="utf-8")
    assert readme.main(["--check"]) == 1
    assert capsys.readouterr().err.startswith("schemas/README.md is not what ")
    assert readme.main([]) == 0
    assert readme.PAGE.read_text(encoding="utf-8") == PAGE


def test_what_breaks_a_reader_ends_with_1_and_is_never_kept_as_released(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compatibility = tool("compatibility")
    compatibility.RELEASED = tmp_path
    text = (PUBLISHED / "PullComplete.v1.schema.json").read_text(encoding="utf-8")
    released = text.replace('"FileId": {', '"Lost": {}, "FileId": {', 1)
    (tmp_path / "PullComplete.v1.schema.json").write_text(released, encoding="utf-8")
    assert compatibility.main(["--release"]) == 1
    assert "PullComplete.v1: " in capsys.readouterr().err
    assert (tmp_path / "PullComplete.v1.schema.json").read_text(encoding="utf-8") == released


def test_all_that_the_page_points_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert len(links) > 80
    assert [link for link in links if not (SCHEMAS / link).exists()] == []


def test_the_page_shows_the_programs_that_run_and_one_that_is_python() -> None:
    shown = dict(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
    assert list(shown) == ["python", "java", "js", "go"]
    ast.parse(shown.pop("python"))
    files = ("java/src/main/java/Consumer.java", "node/consumer.mjs", "go/main.go")
    assert list(shown.values()) == [
        (SCHEMAS / "interop" / file).read_text(encoding="utf-8") for file in files
    ]


def test_the_page_names_no_header_that_does_not_exist() -> None:
    assert set(re.findall(r"\bce_\w+", PAGE)) <= set(schema("headers")["properties"])
