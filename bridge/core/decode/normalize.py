"""Checks a payload against the catalogue, and repairs known deviations from it (vod-domain §3.1).

The common case costs one strict decode, which is the check and gives the canonical JSON. What it refuses is
converted less strictly, and what that refuses is repaired key by key; all three give the same event. Fields
that are not in the catalogue are added to the strict decoder. No envelope, no identity, no outcome here.
"""

from collections.abc import Container
from operator import is_
from typing import Any

import msgspec
from msgspec import Raw, Struct

from bridge.core.catalogue import UNKNOWN_TYPE, EventType
from bridge.core.decode import json_values
from bridge.core.decode.exact_json import SLOW_NUMBER_SCAN_MIN_BYTES, has_slow_numbers
from bridge.core.decode.json_values import CONTAINER_TYPES
from bridge.core.decode.schema import (
    INTEGER_MAX,
    INTEGER_MIN,
    FieldSchema,
    ObjectSchema,
    known_keys_struct,
    relaxed_struct,
    schema_of,
)
from bridge.core.decode.strict import strict_decoder

REPAIRS_MAX = 100
# Fields are added from small payloads only: looking for them takes time in proportion to the size.
_ADD_FIELDS_MAX_BYTES = 16 * 1024

_encode = msgspec.json.encode


class Normalized(Struct, frozen=True, gc=False):
    """A payload checked against its schema.

    ``value`` is the decoded payload (a strict struct, or a dict), ``payload`` its JSON text: the sender's
    bytes where nothing was repaired. ``content`` is the canonical JSON of what was delivered.
    ``nonconforming``: a value has a type that no repair covers.
    """

    value: Any
    payload: Raw
    content: bytes
    repairs: tuple[str, ...] = ()
    repairs_more: int = 0
    nonconforming: bool = False


def normalize(raw: Raw, row: EventType) -> Normalized:
    """Check and repair a payload, the JSON text of an object. Raises `RejectedError` if it is too deep."""
    value = decode_strict(raw, row)
    if value is not None:
        return Normalized(value, raw, _encode(value))
    delivered = json_values.decode(raw)
    repair_result = repair(delivered, row)
    is_conforming = not repair_result.repairs and not repair_result.nonconforming
    if is_conforming and row is not UNKNOWN_TYPE and len(raw) <= _ADD_FIELDS_MAX_BYTES:
        strict_decoder(row.struct).add_fields_of(delivered)
    payload = Raw(_encode(repair_result.repaired)) if repair_result.repairs else raw
    return Normalized(
        repair_result.value,
        payload,  # encoded before the null members are removed
        json_values.canonical_of(raw, delivered),
        repair_result.repairs,
        repair_result.repairs_more,
        repair_result.nonconforming,
    )


def decode_strict(raw: Raw, row: EventType) -> Any:  # noqa: ANN401 - a strict struct or None
    """Decode a payload that conforms to the catalogue, to a strict struct; None where it does not.

    Also None where decoding would be slow (`has_slow_numbers`): the slow path gives the same result.
    """
    if len(raw) > SLOW_NUMBER_SCAN_MIN_BYTES and has_slow_numbers(raw):
        return None
    try:
        return strict_decoder(row.struct).decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class Repaired(Struct, frozen=True, gc=False):
    """A decoded payload after repair, with the first 100 repairs and the number of further ones.

    ``value`` is as in `Normalized`; ``repaired`` is the whole payload as a dict.
    """

    value: Any
    repaired: dict[str, Any]
    repairs: tuple[str, ...] = ()
    repairs_more: int = 0
    nonconforming: bool = False


def repair(value: dict[str, Any], row: EventType) -> Repaired:
    """Repair known deviations in a decoded payload, and detect values that do not conform.

    Most often there are only keys of a later catalogue: conversions detect that, and only what they refuse is
    walked key by key.
    """
    schema = schema_of(row.struct)
    if not schema.fields:
        return Repaired(value, value)  # a type that the catalogue does not know
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
    """Return the keys of objects and arrays that conform already, so that the repairer skips them."""
    known = known_keys_struct(row.struct, 0)
    return frozenset(
        [
            key
            for key, member in value.items()
            if type(member) in CONTAINER_TYPES and _convert_or_none({key: member}, known) is not None
        ]
    )


def _convert_or_none(value: dict[str, Any], struct: type[Struct]) -> Any:  # noqa: ANN401 - a struct or None
    try:
        return msgspec.convert(value, struct)
    except msgspec.ValidationError:
        return None


class _Repairer:
    """Repairs one payload in one pass. Values that need no repair are shared, not copied."""

    def __init__(self) -> None:
        self.repairs: list[str] = []
        self.repairs_more = 0
        self.nonconforming = False

    def record_repair(self, repair: str) -> None:
        """Add a repair to the list; count it only, once the list has `REPAIRS_MAX`."""
        if len(self.repairs) < REPAIRS_MAX:
            self.repairs.append(repair)
        else:
            self.repairs_more += 1

    def capitalize_keys(self, value: dict[str, Any], schema: ObjectSchema) -> dict[str, Any]:
        """Rename lower camel case keys; where both spellings have a value, the catalogue's wins."""
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
        """Repair the known keys of an object; a non-empty ``path`` ends with a dot."""
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
        """Repair one value; one that cannot be repaired is returned as it is, and sets ``nonconforming``."""
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
