"""Whether a payload is what the catalogue says, and the repair of what comes otherwise (§3.1).

The common case costs one strict decode: it is the check, and its result gives the canonical bytes. What it
refuses is converted with less strictness, and what that refuses is walked key by key; all ways see the same
event. No envelope, no identity, no outcome.
"""

from collections.abc import Callable, Container
from functools import cache
from operator import is_
from typing import Any

import msgspec
from msgspec import Raw, Struct

from bridge.core.catalogue import EventType
from bridge.core.decode import json_values
from bridge.core.decode.exact_json import SLOW_NUMBER_SCAN_MIN_BYTES, has_slow_numbers
from bridge.core.decode.schema import (
    INTEGER_MAX,
    INTEGER_MIN,
    FieldSchema,
    ObjectSchema,
    known_keys_struct,
    relaxed_struct,
    schema_of,
)

REPAIRS_MAX = 100

_encode = msgspec.json.encode
_CONTAINER_TYPES = {dict, list}


class Normalized(Struct, frozen=True, gc=False):
    """A payload read against its shape.

    ``value`` is for reading (a strict struct, or a dict after repairs), ``payload`` for passing on: the
    sender's bytes where nothing was repaired. ``content`` are the canonical bytes of what was delivered.
    """

    value: Any
    payload: Raw
    content: bytes
    repairs: tuple[str, ...] = ()
    repairs_more: int = 0
    nonconforming: bool = False


def normalize(raw: Raw, row: EventType) -> Normalized:
    """Read a payload, which is an object, against its row."""
    value = decode_strict(raw, row)
    if value is not None:
        return Normalized(value, raw, _encode(value))
    delivered = json_values.decode(raw)
    repair_result = repair(delivered, row)
    payload = Raw(_encode(repair_result.repaired)) if repair_result.repairs else raw
    return Normalized(
        repair_result.value,
        payload,  # spelled before the null members are dropped
        json_values.canonical_of(raw, delivered),
        repair_result.repairs,
        repair_result.repairs_more,
        repair_result.nonconforming,
    )


def decode_strict(raw: Raw, row: EventType) -> Any:  # noqa: ANN401 - a strict struct or None
    """Read JSON text that is a payload just as the catalogue says; None where it is anything else.

    None also where that would be slow: what is read the other way is the same.
    """
    if len(raw) > SLOW_NUMBER_SCAN_MIN_BYTES and has_slow_numbers(raw):
        return None
    try:
        return _strict_decode(row.struct)(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class Repaired(Struct, frozen=True, gc=False):
    """A decoded payload after its repairs: the first hundred of them, and how many more.

    ``value`` is for reading, as `Fitted`'s; ``repaired`` is all of it.
    """

    value: Any
    repaired: dict[str, Any]
    repairs: tuple[str, ...] = ()
    repairs_more: int = 0
    nonconforming: bool = False


def repair(value: dict[str, Any], row: EventType) -> Repaired:
    """Repair in a decoded payload what is known to come otherwise, note what fits nowhere.

    Most often there is nothing but keys of a later catalogue: conversions tell, and only what they refuse is
    walked.
    """
    schema = schema_of(row.struct)
    if not schema.fields:
        return Repaired(value, value)  # of a type that the catalogue does not know
    readable = relaxed_struct(row.struct, row.result_sets)
    if (converted := _convert_or_none(value, readable)) is not None:
        return Repaired(converted, value)
    repairer = _Repairer()
    repaired = repairer.capitalize_keys(value, schema) if row.lower_camel else value
    repaired = repairer.repair_object(repaired, schema, "", _already_valid(repaired, row))
    converted = (
        _convert_or_none(repaired, readable) if repairer.repairs and not repairer.nonconforming else None
    )
    return Repaired(
        repaired if converted is None else converted,
        repaired,
        tuple(repairer.repairs),
        repairer.repairs_more,
        repairer.nonconforming,
    )


def _already_valid(value: dict[str, Any], row: EventType) -> frozenset[str]:
    """Name the members, objects and arrays, in which there is nothing to find for the walk."""
    known = known_keys_struct(row.struct, 0)
    return frozenset(
        [
            key
            for key, member in value.items()
            if type(member) in _CONTAINER_TYPES and _convert_or_none({key: member}, known) is not None
        ]
    )


def _convert_or_none(value: dict[str, Any], struct: type[Struct]) -> Any:  # noqa: ANN401 - a struct or None
    try:
        return msgspec.convert(value, struct)
    except msgspec.ValidationError:
        return None


@cache
def _strict_decode(struct: type[Struct]) -> Callable[[Raw], Any]:
    return msgspec.json.Decoder(schema_of(struct).strict).decode


class _Repairer:
    """One pass over one payload. Values that need no repair are passed on as they are, not copied."""

    def __init__(self) -> None:
        self.repairs: list[str] = []
        self.repairs_more = 0
        self.nonconforming = False

    def record_repair(self, repair: str) -> None:
        """Remember a repair; of very many, only the number."""
        if len(self.repairs) < REPAIRS_MAX:
            self.repairs.append(repair)
        else:
            self.repairs_more += 1

    def capitalize_keys(self, value: dict[str, Any], schema: ObjectSchema) -> dict[str, Any]:
        """Respell keys that were once lower-camel; where both have a value the vendor's own wins."""
        capitalized = dict(value)
        for key, member in value.items():
            name = key[:1].upper() + key[1:]
            if name == key or name not in schema.fields or member is None:
                continue
            del capitalized[key]
            if capitalized.get(name) is None:
                capitalized[name] = member
            self.record_repair(f"{key}: to {name}")
        return capitalized

    def flatten_media_basic_info(self, value: dict[str, Any], path: str) -> dict[str, Any]:
        """Join MediaBasicInfo inside MediaBasicInfo, as the vendor sent it from 2019 to 2021."""
        layers = [value]
        while type(inner := layers[-1].get("MediaBasicInfo")) is dict:
            layers.append(inner)
            self.record_repair(f"{path.removesuffix('.')}: unnested")
        if len(layers) == 1:
            return value
        joined: dict[str, Any] = {}
        for layer in layers:
            is_nested = layer is not layers[-1]
            for key, member in layer.items():
                if (member is not None or key not in joined) and not (is_nested and key == "MediaBasicInfo"):
                    joined[key] = member
        return joined

    def repair_object(
        self, value: dict[str, Any], schema: ObjectSchema, path: str, already_valid: Container[str] = ()
    ) -> dict[str, Any]:
        """Repair the known keys of an object; ``path`` ends with a dot where it is not empty."""
        if schema.flattens:
            value = self.flatten_media_basic_info(value, path)
        result = value
        fields = schema.fields
        for key, member in value.items():
            field = fields.get(key)
            if field is None or member is None or key in already_valid:
                continue
            if type(member) is field.accepts and (
                field.accepts is not int or INTEGER_MIN <= member <= INTEGER_MAX
            ):
                continue
            repaired_value = (
                self.repair_array(member, field, path + key)
                if field.is_array
                else self.repair_value(member, field, path + key)
            )
            if repaired_value is not member:
                result = dict(value) if result is value else result
                result[key] = repaired_value
        return result

    def repair_array(self, value: Any, field: FieldSchema, path: str) -> Any:  # noqa: ANN401 - any JSON value
        """Repair the elements of an array."""
        if type(value) is not list:
            self.nonconforming = True
            return value
        repaired_value = [
            self.repair_value(element, field, f"{path}[{index}]") for index, element in enumerate(value)
        ]
        return value if all(map(is_, repaired_value, value)) else repaired_value

    def repair_value(self, value: Any, field: FieldSchema, path: str) -> Any:  # noqa: ANN401 - any JSON value
        """Repair one value; what does not fit is noted and passed on."""
        if field.schema and type(value) is dict:
            return self.repair_object(value, field.schema, path + ".")
        if field.type is str and type(value) is int:
            self.record_repair(f"{path}: number to string")
            return str(value)
        if not _is_valid(value, field.type):
            self.nonconforming = True
        return value


def _is_valid(value: Any, wanted: type) -> bool:  # noqa: ANN401 - any JSON value
    if type(value) is int:
        return wanted in (int, float) and INTEGER_MIN <= value <= INTEGER_MAX
    return type(value) is wanted
