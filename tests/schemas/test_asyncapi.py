"""`asyncapi.yaml` is valid by the project's own parser, and describes the topics as the bridge uses them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bridge.core.record import RECORD_MAX_BYTES, Routing
from tests.schemas.conftest import Parse
from tests.schemas.reading import PUBLISHED, SCHEMAS, cut, read_document, validation_errors

TOPICS = Routing().topics(["default"])


@cache
def document() -> dict[str, Any]:
    return read_document(PUBLISHED / "asyncapi.yaml")


@pytest.mark.long  # of all channels; the cut one of the next test takes seconds
def test_the_asyncapi_projects_parser_accepts_it_and_finds_every_topic(parse: Parse) -> None:
    (found,) = parse(PUBLISHED / "asyncapi.yaml")
    assert found["errors"] == []
    assert sorted(found["topics"]) == TOPICS


def test_that_parser_refuses_what_is_wrong(parse: Parse, tmp_path: Path) -> None:
    wrong = {
        "a message that is not there": ("#/components/messages/PullComplete", "#/components/messages/Nix"),
        "a schema that is not there": ("./PullComplete", "./PushComplete"),
        "a schema that is none": ('"conformance": {"const": "nonconforming"}', '"conformance": 1'),
        "an operation that is none": ('"action": "send"', '"action": "shout"'),
    }
    right = cut(document(), tmp_path / "right")
    copies = []
    for number, (before, after) in enumerate(wrong.values()):
        copies.append(cut(document(), tmp_path / str(number)))
        texts = {path: path.read_text(encoding="utf-8") for path in copies[-1].parent.iterdir()}
        assert any(before in text for text in texts.values()), before
        for path, text in texts.items():
            path.write_text(text.replace(before, after), encoding="utf-8")
    sound, *found = parse(right, *copies)
    assert sound["errors"] == []
    assert [kind for kind, one in zip(wrong, found, strict=True) if not one["errors"]] == []


@pytest.mark.parametrize("name", document()["channels"])
def test_each_channel_has_key_headers_schema_and_an_example(name: str) -> None:
    parsed = document()
    channel, message = parsed["channels"][name], parsed["components"]["messages"][name]
    assert channel["address"] in TOPICS
    kafka = channel["bindings"]["kafka"]
    assert (kafka["partitions"], kafka["replicas"]) == (4, 3)
    assert kafka["topicConfiguration"]["max.message.bytes"] == RECORD_MAX_BYTES
    trait = parsed["components"]["messageTraits"]["cloud-event"] if "traits" in message else message
    assert trait["bindings"]["kafka"]["key"]["description"]
    assert parsed["operations"][f"publish-{name}"]["action"] == "send"
    (example,) = message["examples"]
    if name == "dead-letter":
        assert validation_errors("dead-letter", example["headers"]) == []
        return
    schema = message["payload"]["$ref"].removeprefix("./").removesuffix(".v1.schema.json")
    assert validation_errors("headers", example["headers"]) == []
    assert example["headers"]["ce_dataschema"] == f"urn:vod-event-bridge:schemas:{schema}.v1"
    assert validation_errors(schema, example["payload"]) == []
    folder = SCHEMAS / "examples" / example["payload"]["type"]
    assert example["payload"] == json.loads((folder / f"{example['name']}.out.json").read_bytes())
