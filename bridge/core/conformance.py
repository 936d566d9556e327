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

from bridge.core import content
from bridge.core.catalogue import Row
from bridge.core.decoding import UNSCANNED_BYTES, has_slow_numbers
from bridge.core.shape import LARGEST, SMALLEST, Kind, Shape, known_struct, readable_struct, shape_of

REPAIRS_MAX = 100

_encode = msgspec.json.encode
_NESTING = {dict, list}


class Fitted(Struct, frozen=True, gc=False):
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
    value = strictly(raw, row)
    if value is not None:
        return Fitted(value, raw, _encode(value))
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


def strictly(raw: Raw, row: Row) -> Any:  # noqa: ANN401 - a strict struct or None
    """Read JSON text that is a payload just as the catalogue says; None where it is anything else.

    None also where that would be slow: what is read the other way is the same.
    """
    if len(raw) > UNSCANNED_BYTES and has_slow_numbers(raw):
        return None
    try:
        return _strict_decode(row.struct)(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class Walked(Struct, frozen=True, gc=False):
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
    if not shape.kinds:
        return Walked(value, value)  # of a type that the catalogue does not know
    readable = readable_struct(row.struct, row.results)
    if (read := _converted(value, readable)) is not None:
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
    known = known_struct(row.struct, 0)
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
            nests = layer is not layers[-1]
            for key, member in layer.items():
                if (member is not None or key not in joined) and not (nests and key == "MediaBasicInfo"):
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
            if type(member) is kind.passes and (kind.passes is not int or SMALLEST <= member <= LARGEST):
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
        return wanted in (int, float) and SMALLEST <= value <= LARGEST
    return type(value) is wanted
