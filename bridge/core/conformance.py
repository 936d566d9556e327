"""Whether a payload is what the catalogue says, and the repair of what comes otherwise (§3.1).

The common case costs one strict decode: it is the check, and its result gives the canonical bytes. What it
refuses is walked key by key here; both ways see the same event. The strict structs are derived from the
generated open ones, on first use. No envelope, no identity, no outcome.
"""

from collections.abc import Callable, Mapping
from functools import cache
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

# What is asked of any payload or result, whatever its type: a strict struct without such a field says None.
# So one look at several of them costs one call.
ASKED = ("TaskId", "CastId", "Status", "SessionId", "SessionContext", "ErrCode", "ErrCodeExt", "Message")


class Kind(Struct, frozen=True):
    """What may stand at a key: one thing, or an array of it. ``shape`` is set for objects only."""

    type: type
    array: bool = False
    shape: "Shape | None" = None


class Shape(Struct, frozen=True):
    """What the catalogue says of an object: its keys, and its strict twin."""

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
        payload = Raw(_encode(walked.value)) if walked.repairs else raw
        return Fitted(
            walked.value,
            payload,
            content.canonical(delivered),
            walked.repairs,
            walked.repairs_more,
            walked.misfit,
        )
    return Fitted(value, raw, _encode(value))


class Walked(Struct, frozen=True):
    """A decoded payload after its repairs: the first hundred of them, and how many more."""

    value: dict[str, Any]
    repairs: tuple[str, ...]
    repairs_more: int
    misfit: bool


def fit_value(value: dict[str, Any], row: Row) -> Walked:
    """Walk a decoded payload: repair what is known to come otherwise, note what fits nowhere."""
    walk = _Walk()
    if row.lower_camel:
        value = walk.raise_keys(value, shape_of(row.struct))
    value = walk.object(value, shape_of(row.struct), "")
    return Walked(value, tuple(walk.repairs), walk.repairs_more, walk.misfit)


@cache
def shape_of(struct: type[Struct]) -> Shape:
    """Draw the shape of a generated struct."""
    kinds = {name: _kind(hint) for name, hint in get_type_hints(struct).items()}
    strict = msgspec.defstruct(
        struct.__name__,
        [(name, _strict_type(kind) | None, None) for name, kind in kinds.items()],
        forbid_unknown_fields=True,
        omit_defaults=True,
        kw_only=True,
        gc=False,
        namespace={name: None for name in ASKED if name not in kinds},
    )
    return Shape(kinds, strict, unnests=struct is payloads.MediaBasicInfo)


def _kind(hint: Any) -> Kind:  # noqa: ANN401 - a type as annotations spell it
    plain = [one for one in get_args(hint) if one is not NoneType] or [hint]
    if len(plain) > 1:
        return Kind(float)  # int | float: every integer is a number
    if get_origin(plain[0]) is list:
        element = _kind(get_args(plain[0])[0])
        return Kind(element.type, array=True, shape=element.shape)
    if issubclass(plain[0], Struct):
        return Kind(dict, shape=shape_of(plain[0]))
    return Kind(plain[0])


def _strict_type(kind: Kind) -> Any:  # noqa: ANN401 - a type as msgspec takes it
    plain = {int: _Integer, float: _Integer | float}
    one: Any = kind.shape.strict if kind.shape else plain.get(kind.type, kind.type)
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

    def object(self, value: dict[str, Any], shape: Shape, path: str) -> dict[str, Any]:
        """Repair the known keys of an object; ``path`` ends with a dot where it is not empty."""
        if shape.unnests:
            value = self.unnest(value, path)
        fitted = value
        for key, member in value.items():
            kind = shape.kinds.get(key)
            if kind is None or member is None:
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
        same = all(one is element for one, element in zip(put, value, strict=True))
        return value if same else put

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
