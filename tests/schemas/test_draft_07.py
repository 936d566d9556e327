"""The schemas as registries are sent them: in draft-07, with the same meaning."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from bridge.cli.schema_registration import draft_07
from tests.schemas.reading import KNOWN, NAMES, PUBLISHED, read_document, schema

# Keywords of draft-07 that ours use, and what is no keyword of any draft: x-unit. `deprecated` is a note.
_DRAFT_07_WORDS = (
    "$schema $id $ref definitions title description type properties required additionalProperties items anyOf"
    " enum const if else minimum maximum minLength maxLength minItems maxItems pattern format examples"
    " deprecated x-unit"
)
DRAFT_07 = frozenset(_DRAFT_07_WORDS.split())


@pytest.mark.parametrize("name", NAMES)
def test_in_draft_07_it_uses_no_word_of_a_later_draft(name: str) -> None:
    converted = draft_07(schema(name))
    Draft7Validator.check_schema(converted)
    assert set(keywords(converted)) <= DRAFT_07
    # There, what stands beside a $ref is ignored.
    assert all(set(one) == {"$ref"} for one in objects(converted) if "$ref" in one)


def test_in_both_drafts_the_same_events_are_valid() -> None:
    messages = read_document(PUBLISHED / "asyncapi.yaml")["components"]["messages"]
    checked = 0
    for name in (name for name in NAMES if name in KNOWN):
        examples, published = messages[name]["examples"], schema(name)
        validators = [Draft202012Validator(published), Draft7Validator(draft_07(published))]
        for changed in ({}, {"outcome": "other"}, {"payload": 1}, {"payload": {"FileId": 1}}):
            event = {**examples[0]["payload"], **changed}
            valid = {validator.is_valid(event) for validator in validators}
            assert len(valid) == 1, (name, changed)
            assert valid == {True} or changed
            checked += 1
    assert checked == 4 * len(KNOWN)


def objects(found: object) -> Iterator[dict[str, Any]]:
    """Give every schema in a schema."""
    if isinstance(found, list):
        for one in found:
            yield from objects(one)
    if isinstance(found, dict):
        yield found
        for key, value in found.items():
            if key in ("properties", "definitions"):
                for one in value.values():
                    yield from objects(one)
            elif key not in ("enum", "const", "examples"):
                yield from objects(value)


def keywords(found: object) -> Iterator[str]:
    """Give every keyword in a schema."""
    for one in objects(found):
        yield from one
