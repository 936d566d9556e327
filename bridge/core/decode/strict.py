"""Decodes payloads strictly: to structs of the catalogue's fields, and of fields seen beside them.

The vendor adds fields at any time. A struct that refuses them would send every event of the type through the
slow path of `normalize`; so what the slow path finds beside the catalogue is added to the struct. That
changes the speed only: both paths give the same event.
"""

import re
from collections import defaultdict
from functools import cache
from types import NoneType
from typing import Any

import msgspec
from msgspec import Struct

from bridge.core.decode.schema import (
    PROBED_FIELDS,
    FieldSchema,
    Integer,
    ObjectSchema,
    derive_struct,
    field_type,
    schema_of,
)

ADDED_FIELDS_MAX = 64
"""For each type of payload. Adding fields takes a few milliseconds, and their names come from the sender."""

# Where a field is: in a struct of the catalogue, or in an object that was added, named by its own path.
_Owner = type[Struct] | tuple[Any, str]
_Fields = frozenset[tuple[_Owner, str]]
_IS_OBJECT = ""  # as a field's name: the owner was seen as an object

_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")
_KEYWORDS = frozenset({"None", "True", "False"})  # no names of fields in Python
_SCALAR_TYPES = frozenset({str, int, float, bool, NoneType})
_Scalar = str | bool | Integer | float


class StrictDecoder:
    """Decodes payloads of one struct. ``decode`` raises msgspec's errors for what does not conform."""

    def __init__(self, struct: type[Struct]) -> None:
        self._schema = schema_of(struct)
        self._added: _Fields = frozenset()
        self.decode = msgspec.json.Decoder(self._schema.strict).decode

    def add_fields_of(self, value: dict[str, Any]) -> None:
        """Add the unknown fields of a conforming payload; none where one has to take the slow path."""
        found = set(self._added)
        if _collect(value, self._schema.struct, self._schema, found) and len(found) > len(self._added):
            added = frozenset(found)
            self.decode = msgspec.json.Decoder(_extended_struct(self._schema.struct, added)).decode
            self._added = added


@cache
def strict_decoder(struct: type[Struct]) -> StrictDecoder:
    """Return the decoder of a generated struct."""
    return StrictDecoder(struct)


def _collect(
    value: dict[str, Any], owner: _Owner, schema: ObjectSchema | None, found: set[tuple[_Owner, str]]
) -> bool:
    """Collect the unknown fields of an object; False where one cannot be added, or there are too many.

    Fields that `core.result` and others read by name from any object cannot: they have a meaning. Nor can a
    copy nested in an object that `normalize` joins with it: the decoder would take later copies as they are.
    """
    if schema is not None and schema.flattens and "MediaBasicInfo" in value:
        return False
    for key, member in value.items():
        field = schema.fields.get(key) if schema else None
        if field is None:
            if not _NAME.fullmatch(key) or key in _KEYWORDS or key in PROBED_FIELDS:
                return False
            found.add((owner, key))
        elif field.schema is None:
            continue
        if not _collect_nested(member, (owner, key), field, found):
            return False
    return len(found) <= ADDED_FIELDS_MAX


def _collect_nested(
    member: Any,  # noqa: ANN401 - any JSON value
    path: tuple[_Owner, str],
    field: FieldSchema | None,
    found: set[tuple[_Owner, str]],
) -> bool:
    schema = field.schema if field else None
    owner = schema.struct if schema else path
    for element in member if type(member) is list else (member,):
        if type(element) is dict:
            if schema is None:
                found.add((owner, _IS_OBJECT))
                if len(found) > ADDED_FIELDS_MAX:
                    return False
            if not _collect(element, owner, schema, found):
                return False
        elif type(element) not in _SCALAR_TYPES:
            return False
    return True


def _extended_struct(struct: type[Struct], added: _Fields) -> type[Struct]:
    """Derive the strict struct that has these fields as well, in its objects too."""
    names: defaultdict[_Owner, list[str]] = defaultdict(list)
    for owner, name in added:
        names[owner].append(name)

    @cache
    def extended(struct: type[Struct]) -> type[Struct]:
        schema = schema_of(struct)
        types = {name: field_type(kind, extended_object) for name, kind in schema.fields.items()}
        if struct not in names and all(
            kind.schema is None or extended(kind.schema.struct) is kind.schema.strict
            for kind in schema.fields.values()
        ):
            return schema.strict
        return derive_struct(struct.__name__, types | added_types(struct))

    def extended_object(schema: ObjectSchema) -> type[Struct]:
        return extended(schema.struct)

    def added_types(owner: _Owner) -> dict[str, Any]:
        return {name: added_type((owner, name)) for name in names[owner] if name != _IS_OBJECT}

    def added_type(path: tuple[_Owner, str]) -> Any:  # noqa: ANN401 - a type as msgspec takes it
        element: Any = _Scalar
        if path in names:
            element |= derive_struct(path[1], added_types(path))
        return element | list[element | None]

    return extended(struct)
