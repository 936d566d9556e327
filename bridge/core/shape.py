"""What the catalogue says of a payload, as shapes, and the structs that are derived from it on first use.

A strict struct refuses what is not in the catalogue, the others let keys of a later one pass. What is done
with them is told in `conformance`.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from bridge.core import payloads

SMALLEST, LARGEST = -(2**63), 2**64 - 1  # what 64 bits hold, signed or not
# msgspec cannot bound above 2**63 - 1: what lies between is left to the walk.
_Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

# What is asked of any payload or result, whatever its type: a strict struct without such a field says None.
# So nobody needs to look first whether it is there.
_ASKED = ("TaskId", "CastId", "Status", "SessionId", "SessionContext", "ErrCode", "ErrCodeExt", "Message")


class Kind(Struct, frozen=True):
    """What may stand at a key: one thing, or an array of it. ``shape`` is set for objects only.

    A value of the type ``passes`` fits as it is, unless it is an integer of more than 64 bits.
    """

    type: type
    array: bool = False
    shape: "Shape | None" = None
    passes: Any = None


class Shape(Struct, frozen=True):
    """What the catalogue says of an object: its keys, and its strict twin."""

    struct: type[Struct]
    kinds: Mapping[str, Kind]
    strict: type[Struct]
    unnests: bool


@cache
def shape_of(struct: type[Struct]) -> Shape:
    """Draw the shape of a generated struct."""
    kinds = {name: _kind(hint) for name, hint in get_type_hints(struct).items()}
    types = {name: _type(kind, lambda shape: shape.strict) for name, kind in kinds.items()}
    return Shape(struct, kinds, _twin(struct, types), unnests=struct is payloads.MediaBasicInfo)


# How far down `result` looks below a result set: at its elements, and at the objects in them.
_LEVELS_READ = 2


@cache
def readable_struct(struct: type[Struct], results: tuple[str, ...]) -> type[Struct]:
    """Derive the struct that refuses unknown keys only where they could say how the event ended."""
    types = {
        name: _type(kind, partial(_known_below, _LEVELS_READ if name in results else 0))
        for name, kind in shape_of(struct).kinds.items()
    }
    return _twin(struct, types)


def _known_below(levels: int, shape: Shape) -> type[Struct]:
    return known_struct(shape.struct, levels)


@cache
def known_struct(struct: type[Struct], levels: int) -> type[Struct]:
    """Derive the struct that checks the known keys; unknown ones it refuses only so many levels down."""
    shape = shape_of(struct)
    below = partial(_known_below, max(0, levels - 1))
    types = {name: _type(kind, below) for name, kind in shape.kinds.items()}
    if shape.unnests:  # an object there is the walk's to join
        types["MediaBasicInfo"] = str | int | float | bool | list[Any]
    return _twin(struct, types, refuses_unknown=levels > 0)


def _twin(struct: type[Struct], types: Mapping[str, Any], *, refuses_unknown: bool = True) -> type[Struct]:
    return msgspec.defstruct(
        struct.__name__,
        [(name, one | None, None) for name, one in types.items()],
        forbid_unknown_fields=refuses_unknown,
        omit_defaults=True,
        kw_only=True,
        gc=False,
        namespace={name: None for name in _ASKED if name not in types},
    )


def _kind(hint: Any) -> Kind:  # noqa: ANN401 - a type as annotations spell it
    plain = [one for one in get_args(hint) if one is not NoneType] or [hint]
    if len(plain) > 1:
        return Kind(float, passes=float)  # int | float: every integer is a number
    if get_origin(plain[0]) is list:
        element = _kind(get_args(plain[0])[0])
        return Kind(element.type, array=True, shape=element.shape)  # nothing passes unseen
    if issubclass(plain[0], Struct):
        return Kind(dict, shape=shape_of(plain[0]))
    return Kind(plain[0], passes=plain[0])


def _type(kind: Kind, struct_of: Callable[[Shape], type[Struct]]) -> Any:  # noqa: ANN401 - a type as msgspec takes it
    plain = {int: _Integer, float: _Integer | float}
    one: Any = struct_of(kind.shape) if kind.shape else plain.get(kind.type, kind.type)
    return list[one] if kind.array else one
