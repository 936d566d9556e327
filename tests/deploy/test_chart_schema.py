"""values.schema.json knows the program's settings: it takes those, refuses others, and names the mistake."""

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ByteSize, TypeAdapter, ValidationError

from bridge.settings.settings import describe
from tests.deploy.chart_rendering import CHART, VALUE_SETS
from tests.rig.yaml_text import read_yaml
from tests.schemas.reading import tool

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))


def mistakes(values: dict[str, Any]) -> list[str]:
    """Give what the schema says of values, with the place of each."""
    found = jsonschema.Draft7Validator(SCHEMA).iter_errors(values)
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in found]


def test_the_schema_is_one_of_draft_7_which_helm_reads() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_the_charts_own_values_fit() -> None:
    assert mistakes(read_yaml((CHART / "values.yaml").read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.name.split("-")[0])
def test_every_value_set_fits(values: Path) -> None:
    assert mistakes(read_yaml(values.read_text(encoding="utf-8"))) == []


def test_every_setting_of_the_program_is_known_and_no_other() -> None:
    settings = SCHEMA["properties"]["settings"]["properties"]
    apps = SCHEMA["properties"]["apps"]["additionalProperties"]["properties"]
    known = {
        f"BRIDGE_{section}__{name}".upper() for section in settings for name in _names(settings[section])
    }
    known |= {f"BRIDGE_APPS__<NAME>__{name}".upper() for name in apps}
    assert known == {name for name, _, _ in describe()}


def _names(section: dict[str, Any]) -> list[str]:
    return list(section["properties"])


@pytest.mark.parametrize("name", [name for name, _, _ in describe()])
def test_every_setting_may_come_from_a_secret(name: str) -> None:
    place = name.removeprefix("BRIDGE_").lower().replace("<name>", "my-shop").replace("__", ".")
    assert mistakes({"secrets": [{"setting": place, "secret": "a", "key": "b"}]}) == []
    assert mistakes({"secrets": [{"setting": f"{place}x", "secret": "a", "key": "b"}]})


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"settings": {"kafka": {"topik": "x"}}}, "topik"),
        ({"settings": {"radis": {"url": "x"}}}, "radis"),
        ({"settings": {"apps": {}}}, "apps"),
        ({"settings": {"log": {"level": "loud"}}}, "settings.log.level: 'loud'"),
        ({"settings": {"dedup": {"timeout_ms": 4001}}}, "settings.dedup.timeout_ms: 4001"),
        ({"settings": {"http": {"hold_s": "6s"}}}, "settings.http.hold_s: '6s'"),
        ({"settings": {"kafka": {"sasl_username": 123}}}, "settings.kafka.sasl_username: 123"),
        ({"settings": {"redis": {"cluster": "yes"}}}, "settings.redis.cluster: 'yes'"),
        ({"settings": {"redis": {"url": "redis:6379"}}}, "settings.redis.url: 'redis:6379'"),
        (
            {"settings": {"kafka": {"bootstrap_servers": "kafka"}}},
            "settings.kafka.bootstrap_servers: 'kafka'",
        ),
        ({"settings": {"kafka": {"topic_other": "a b"}}}, "settings.kafka.topic_other: 'a b'"),
        ({"apps": {"my-shop": {"endpoint": "a b"}}}, "apps.my-shop.endpoint: 'a b'"),
        ({"apps": {"my-shop": {"sub_app": 1}}}, "sub_app"),
        ({"apps": {"my-shop": {"signature": "maybe"}}}, "apps.my-shop.signature: 'maybe'"),
        ({"apps": {"My_Shop": {}}}, "My_Shop"),
    ],
)
def test_a_mistake_is_named(values: dict[str, Any], named: str) -> None:
    (said,) = mistakes(values)
    assert named in said


@pytest.mark.parametrize("unit", [*ByteSize.byte_sizes, "", "KiB", "GB", "Mi", "Gi", "x"])
def test_a_size_has_the_units_of_the_program(unit: str) -> None:
    try:
        size = TypeAdapter(ByteSize).validate_python(f"4{unit}")
    except ValidationError:
        size = None
    fits = mistakes({"settings": {"spool": {"max_bytes": f"4{unit}"}}}) == []
    assert fits == (size is not None and "bit" not in unit)


def test_a_schema_that_is_out_of_date_is_noticed_and_written_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = tool("gen_chart_schema")
    generator.TARGET = tmp_path / "values.schema.json"
    shutil.copy(CHART / "values.schema.json", generator.TARGET)
    assert generator.main(["--check"]) == 0
    current = generator.TARGET.read_text(encoding="utf-8")
    generator.TARGET.write_text(current.replace('"bootstrap_servers"', '"bootstrap"'), encoding="utf-8")
    assert generator.main(["--check"]) == 1
    assert "run it" in capsys.readouterr().err
    assert generator.main([]) == 0
    assert generator.TARGET.read_text(encoding="utf-8") == current
