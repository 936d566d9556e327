"""The catalogue's schema of a payload, and the msgspec structs derived from it on first use.

A strict struct refuses keys and types that are not in the catalogue; the others accept keys of a later
version. `normalize` uses them.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from bridge.core import payloads

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1  # what 64 bits hold, signed or not
# msgspec has no bound above 2**63 - 1: the repairer checks the values in between.
Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

# Fields that are read from any payload or result: a strict struct without one has a class attribute None, so
# readers need no check.
PROBED_FIELDS = (
    "TaskId",
    "CastId",
    "Status",
    "SessionId",
    "SessionContext",
    "ErrCode",
    "ErrCodeExt",
    "Message",
)


class FieldSchema(Struct, frozen=True):
    """The schema of one field: a type, or an array of it. ``schema`` is set for objects only.

    A value of exactly the type ``accepts`` is valid as it is, unless it is an integer of more than 64 bits.
    """

    type: type
    is_array: bool = False
    schema: "ObjectSchema | None" = None
    accepts: Any = None


class ObjectSchema(Struct, frozen=True):
    """The schema of an object: fields, strict struct. ``flattens``: copies nested in it are joined."""

    struct: type[Struct]
    fields: Mapping[str, FieldSchema]
    strict: type[Struct]
    flattens: bool


@cache
def schema_of(struct: type[Struct]) -> ObjectSchema:
    """Return the schema of a generated struct."""
    kinds = {name: _field_schema(hint) for name, hint in get_type_hints(struct).items()}
    types = {name: field_type(kind, lambda shape: shape.strict) for name, kind in kinds.items()}
    return ObjectSchema(
        struct, kinds, derive_struct(struct.__name__, types), flattens=struct is payloads.MediaBasicInfo
    )


# Levels that `core.result` reads below a result set: its elements, and the objects in them.
_LEVELS_READ = 2


@cache
def relaxed_struct(struct: type[Struct], results: tuple[str, ...]) -> type[Struct]:
    """Derive the struct that refuses unknown keys only where `core.result` would read them."""
    types = {
        name: field_type(kind, partial(_nested_known_keys_struct, _LEVELS_READ if name in results else 0))
        for name, kind in schema_of(struct).fields.items()
    }
    return derive_struct(struct.__name__, types)


def _nested_known_keys_struct(levels: int, shape: ObjectSchema) -> type[Struct]:
    return known_keys_struct(shape.struct, levels)


@cache
def known_keys_struct(struct: type[Struct], levels: int) -> type[Struct]:
    """Derive the struct that checks known keys, and refuses unknown ones in the first ``levels`` levels."""
    shape = schema_of(struct)
    nested_struct = partial(_nested_known_keys_struct, max(0, levels - 1))
    types = {name: field_type(kind, nested_struct) for name, kind in shape.fields.items()}
    if shape.flattens:  # a nested object is left to the repairer
        types["MediaBasicInfo"] = str | int | float | bool | list[Any]
    return derive_struct(struct.__name__, types, forbid_unknown=levels > 0)


def derive_struct(name: str, types: Mapping[str, Any], *, forbid_unknown: bool = True) -> type[Struct]:
    """Derive a struct of optional fields, sorted by name: encoding it gives canonical JSON."""
    return msgspec.defstruct(
        name,
        [(name, one | None, None) for name, one in sorted(types.items())],
        forbid_unknown_fields=forbid_unknown,
        omit_defaults=True,
        kw_only=True,
        gc=False,
        namespace={name: None for name in PROBED_FIELDS if name not in types},
    )


def _field_schema(hint: Any) -> FieldSchema:  # noqa: ANN401 - a type as annotations spell it
    plain = [one for one in get_args(hint) if one is not NoneType] or [hint]
    if len(plain) > 1:
        return FieldSchema(float, accepts=float)  # int | float: every integer is a number
    if get_origin(plain[0]) is list:
        element = _field_schema(get_args(plain[0])[0])
        return FieldSchema(
            element.type, is_array=True, schema=element.schema
        )  # no `accepts`: arrays are always checked
    if issubclass(plain[0], Struct):
        return FieldSchema(dict, schema=schema_of(plain[0]))
    return FieldSchema(plain[0], accepts=plain[0])


def field_type(kind: FieldSchema, struct_of: Callable[[ObjectSchema], type[Struct]]) -> Any:  # noqa: ANN401 - a type as msgspec takes it
    """Return the type of a field, with ``struct_of`` the struct of its object."""
    plain = {int: Integer, float: Integer | float}
    one: Any = struct_of(kind.schema) if kind.schema else plain.get(kind.type, kind.type)
    return list[one] if kind.is_array else one
