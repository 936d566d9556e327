"""``vod-bridge schemas --register URL --ids FILE``: the ids that records carry."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from bridge.cli.schema_registration import draft_07
from bridge.settings.settings import load
from tests.core.test_record import recorded
from tests.rig.schema_registry import FakeRegistry, running
from tests.schemas.reading import KNOWN, NAMES, schema
from tests.schemas.registry import Registry, register


def test_the_ids_that_are_written_lead_a_consumer_to_the_schema_of_a_value(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ids.json"
    done = register(registry.url, "--subject", "ids.{type}", "--ids", str(file))
    assert done.stdout.splitlines()[-1] == f"{len(KNOWN | {'event'})} ids in {file}", done.output
    monkeypatch.setenv("BRIDGE_SCHEMAS__IDS_FILE", str(file))
    record = recorded({"EventType": "FileDeleted", "FileDeleteEvent": {"FileIdSet": ["1"]}}, load().routing())
    header = dict(record.headers)["__value_schema_id"]
    assert header[:1] == b"\0"
    found = registry.ask("GET", f"/schemas/ids/{int.from_bytes(header[1:])}")
    assert json.loads(found["schema"]) == draft_07(schema("FileDeleted"))
    validator = Draft7Validator(json.loads(found["schema"]))
    assert validator.is_valid(json.loads(record.value))
    assert not validator.is_valid({**json.loads(record.value), "outcome": "well"})
    as_json = register(registry.url, "--subject", "ids.{type}", "--ids", str(file), "--json")
    assert len(json.loads(as_json.stdout)) == len(NAMES), "what was done with the file is said on stderr"


def test_a_guid_is_written_where_the_registry_gives_one(fake: FakeRegistry, tmp_path: Path) -> None:
    answer, guid = fake.answer, "89791762-2336-186f-9674-299b90a8e2e8"

    def with_guid(method: str, path: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        status, content = answer(method, path, body)
        return status, content | ({"guid": guid} if "id" in content else {})

    fake.answer = with_guid  # type: ignore[method-assign]
    for _ in ("registered", "there before"):
        assert register(fake.url, "--ids", str(tmp_path / "ids.json")).exit_code == 0
        assert json.loads((tmp_path / "ids.json").read_text())["event"] == guid


def test_the_ids_are_not_written_where_one_schema_is_refused_or_they_cannot_be(
    fake: FakeRegistry, tmp_path: Path
) -> None:
    (file := tmp_path / "ids.json").write_text("{}")
    other = draft_07(schema("PullComplete")) | {"properties": {"id": {"type": "integer"}}}
    with running(FakeRegistry()) as wrong:
        Registry(wrong.url).add("vod.PullComplete-value", other, "FORWARD")
        refused = register(wrong.url, "--ids", str(file))
    assert (refused.exit_code, f"{file} was left as it was" in refused.stderr) == (1, True), refused.output
    assert file.read_text() == "{}"
    nowhere = register(fake.url, "--ids", str(tmp_path / "no" / "ids.json"))
    assert (nowhere.exit_code, "cannot be written" in nowhere.stderr) == (1, True), nowhere.output
    assert sorted(tmp_path.iterdir()) == [file]
