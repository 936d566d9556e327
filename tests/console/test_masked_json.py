"""JSON that holds a secret stays JSON, with its own names and numbers."""

import json
from typing import Any

import pytest
from msgspec import Raw, Struct

from bridge.console.masked_json import masked_json
from bridge.observability.masking import MASK, Mask


class Shown(Struct, omit_defaults=True):
    """An answer of ours."""

    records: int
    name: str = ""
    value: Any = None
    headers: dict[str, str] = {}


SHOWN = Shown(
    records=12345678,
    name="has hunter2-secret in it",
    value={"records": ["hunter2-secret", 12345678, True, None], "hunter2-secret": Raw(b'{"a":12345678}')},
    headers={"x": 'quo"ted-secret'},
)


@pytest.mark.parametrize(
    "secret", ["records", "12345678", "true", "null", "hunter2-secret", 'quo"ted-secret', "name"]
)
def test_a_secret_is_masked_and_the_answer_stays_json_of_its_shape(secret: str) -> None:
    text = masked_json([SHOWN], Mask([secret])).decode()
    (found,) = json.loads(text)
    assert list(found) == ["records", "name", "value", "headers"]
    assert found["records"] == 12345678
    assert secret not in json.dumps([found["name"], found["headers"]])
    if secret not in ("true", "null", "name", 'quo"ted-secret'):
        assert secret not in json.dumps(found["value"])
        assert MASK in json.dumps(found)


def test_what_has_no_secret_is_as_it_was() -> None:
    assert json.loads(masked_json(SHOWN, Mask(["nowhere"])))["name"] == SHOWN.name
