"""Whether a payload is what the catalogue says, and the repair of what comes otherwise (§3.1).

The common case costs one strict decode: it is the check, and its result gives the canonical bytes. What it
refuses is walked key by key here; both ways see the same event. The strict structs are derived from the
generated open ones, on first use. No envelope, no identity, no outcome.
"""

from collections.abc import Callable, Container, Mapping
from functools import cache, partial
from operator import is_
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Raw, Struct

from bridge.core import content, payloads
from bridge.core.catalogue import Row

REPAIRS_MAX = 100

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1  # what 64 bits hold, signed or not
# msgspec cannot bound above 2**63 - 1: what lies between is left to the walk.
_Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

_encode = msgspec.json.encode
_NESTING = {dict, list}

# What is asked of any payload or result, whatever its type: a strict struct without such a field says None.
# So one look at several of them costs one call.
ASKED = ("TaskId", "CastId", "Status", "SessionId", "SessionContext", "ErrCode", "ErrCodeExt", "Message")


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


class Fitted(Struct, frozen=True):
    """A payload read against its shape.

    ``value`` is for reading (a strict struct, or a dict after repairs), ``payload`` for passing on: the
    sender's bytes where nothing was repaired. ``content`` are the canonical bytes of what was delivered.
    """

    value: Any
    payload: Raw
    content: bytes
    repairs: tuple[str, ...] = ()
    repairs_more: int = 0
    misfit: bool = False


def fit(raw: Raw, row: Row) -> Fitted:
    """Read a payload, which is an object, against its row."""
    try:
        value = _strict_decode(row.struct)(raw)
    except msgspec.ValidationError:
        delivered = content.decode(raw)
        walked = fit_value(delivered, row)
        payload = Raw(_encode(walked.repaired)) if walked.repairs else raw
        return Fitted(
            walked.value,
            payload,  # spelled before the null members are dropped
            content.canonical_of(raw, delivered),
            walked.repairs,
            walked.repairs_more,
            walked.misfit,
        )
    return Fitted(value, raw, _encode(value))


class Walked(Struct, frozen=True):
    """A decoded payload after its repairs: the first hundred of them, and how many more.

    ``value`` is for reading, as `Fitted`'s; ``repaired`` is all of it.
    """

    value: Any
    repaired: dict[str, Any]
    repairs: tuple[str, ...] = ()
    repairs_more: int = 0
    misfit: bool = False


def fit_value(value: dict[str, Any], row: Row) -> Walked:
    """Repair in a decoded payload what is known to come otherwise, note what fits nowhere.

    Most often there is nothing but keys of a later catalogue: conversions tell, and only what they refuse is
    walked.
    """
    shape = shape_of(row.struct)
    readable = _readable(row.struct, row.results)
    if shape.kinds and (read := _converted(value, readable)) is not None:
        return Walked(read, value)
    walk = _Walk()
    repaired = walk.raise_keys(value, shape) if row.lower_camel else value
    repaired = walk.object(repaired, shape, "", _fitting(repaired, row))
    read = _converted(repaired, readable) if walk.repairs and not walk.misfit else None
    return Walked(
        repaired if read is None else read, repaired, tuple(walk.repairs), walk.repairs_more, walk.misfit
    )


def _fitting(value: dict[str, Any], row: Row) -> frozenset[str]:
    """Name the members, objects and arrays, in which there is nothing to find for the walk."""
    known = _known(row.struct, 0)
    return frozenset(
        [
            key
            for key, member in value.items()
            if type(member) in _NESTING and _converted({key: member}, known) is not None
        ]
    )


def _converted(value: dict[str, Any], struct: type[Struct]) -> Any:  # noqa: ANN401 - a struct or None
    try:
        return msgspec.convert(value, struct)
    except msgspec.ValidationError:
        return None


@cache
def shape_of(struct: type[Struct]) -> Shape:
    """Draw the shape of a generated struct."""
    kinds = {name: _kind(hint) for name, hint in get_type_hints(struct).items()}
    types = {name: _type(kind, lambda shape: shape.strict) for name, kind in kinds.items()}
    return Shape(struct, kinds, _twin(struct, types), unnests=struct is payloads.MediaBasicInfo)


# How far down `result` looks below a result set: at its elements, and at the objects in them.
_LEVELS_READ = 2


@cache
def _readable(struct: type[Struct], results: tuple[str, ...]) -> type[Struct]:
    """Derive the struct that refuses unknown keys only where they could say how the event ended."""
    types = {
        name: _type(kind, partial(_known_below, _LEVELS_READ if name in results else 0))
        for name, kind in shape_of(struct).kinds.items()
    }
    return _twin(struct, types)


def _known_below(levels: int, shape: Shape) -> type[Struct]:
    return _known(shape.struct, levels)


@cache
def _known(struct: type[Struct], levels: int) -> type[Struct]:
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
        namespace={name: None for name in ASKED if name not in types},
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


@cache
def _strict_decode(struct: type[Struct]) -> Callable[[Raw], Any]:
    return msgspec.json.Decoder(shape_of(struct).strict).decode


class _Walk:
    """One pass over one payload. Values that need no repair are passed on as they are, not copied."""

    def __init__(self) -> None:
        self.repairs: list[str] = []
        self.repairs_more = 0
        self.misfit = False

    def note(self, repair: str) -> None:
        """Remember a repair; of very many, only the number."""
        if len(self.repairs) < REPAIRS_MAX:
            self.repairs.append(repair)
        else:
            self.repairs_more += 1

    def raise_keys(self, value: dict[str, Any], shape: Shape) -> dict[str, Any]:
        """Respell keys that were once lower-camel; where both have a value the vendor's own wins."""
        raised = dict(value)
        for key, member in value.items():
            name = key[:1].upper() + key[1:]
            if name == key or name not in shape.kinds or member is None:
                continue
            del raised[key]
            if raised.get(name) is None:
                raised[name] = member
            self.note(f"{key}: to {name}")
        return raised

    def unnest(self, value: dict[str, Any], path: str) -> dict[str, Any]:
        """Join MediaBasicInfo inside MediaBasicInfo, as the vendor sent it from 2019 to 2021."""
        layers = [value]
        while type(inner := layers[-1].get("MediaBasicInfo")) is dict:
            layers.append(inner)
            self.note(f"{path.removesuffix('.')}: unnested")
        if len(layers) == 1:
            return value
        joined: dict[str, Any] = {}
        for layer in layers:
            for key, member in layer.items():
                nests = key == "MediaBasicInfo" and type(member) is dict
                if not nests and (member is not None or key not in joined):
                    joined[key] = member
        return joined

    def object(
        self, value: dict[str, Any], shape: Shape, path: str, fitting: Container[str] = ()
    ) -> dict[str, Any]:
        """Repair the known keys of an object; ``path`` ends with a dot where it is not empty."""
        if shape.unnests:
            value = self.unnest(value, path)
        fitted = value
        kinds = shape.kinds
        for key, member in value.items():
            kind = kinds.get(key)
            if kind is None or member is None or key in fitting:
                continue
            if type(member) is kind.passes and (kind.passes is not int or _SMALLEST <= member <= _LARGEST):
                continue
            put = self.array(member, kind, path + key) if kind.array else self.one(member, kind, path + key)
            if put is not member:
                fitted = dict(value) if fitted is value else fitted
                fitted[key] = put
        return fitted

    def array(self, value: Any, kind: Kind, path: str) -> Any:  # noqa: ANN401 - any JSON value
        """Repair the elements of an array."""
        if type(value) is not list:
            self.misfit = True
            return value
        put = [self.one(element, kind, f"{path}[{index}]") for index, element in enumerate(value)]
        return value if all(map(is_, put, value)) else put

    def one(self, value: Any, kind: Kind, path: str) -> Any:  # noqa: ANN401 - any JSON value
        """Repair one value; what does not fit is noted and passed on."""
        if kind.shape and type(value) is dict:
            return self.object(value, kind.shape, path + ".")
        if kind.type is str and type(value) is int:
            self.note(f"{path}: number to string")
            return str(value)
        if not _fits(value, kind.type):
            self.misfit = True
        return value


def _fits(value: Any, wanted: type) -> bool:  # noqa: ANN401 - any JSON value
    if type(value) is int:
        return wanted in (int, float) and _SMALLEST <= value <= _LARGEST
    return type(value) is wanted
