"""Translates conforming legacy bodies by structs, for tables that rename, nest and map objects.

Two structs are derived from a table (`forms`): the object as delivered, and the object in format 3.0. msgspec
decodes the one and converts it to the other, in one call each. What a struct refuses is left to
`translation`, which translates any body and gives the same result.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import Raw, Struct

from bridge.core.decode.exact_json import SLOW_NUMBER_SCAN_MIN_BYTES, has_slow_numbers
from bridge.core.decode.json_values import CONTAINER_TYPES, canonical, check_depth
from bridge.core.decode.legacy.event_types import LEGACY_TYPES
from bridge.core.decode.legacy.forms import UnsupportedTableError, delivered_name, forms_of
from bridge.core.decode.legacy.translation import nested_results
from bridge.core.decode.legacy.unmapped import SubtaskResult, may_have_results

_MAX_BYTES = 64 * 1024  # converting holds the GIL

_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class TypedTranslation(Struct, frozen=True, gc=False):
    """A conforming legacy body in format 3.0.

    ``value`` is the payload as a struct, its fields in the order of `Translation.payload`. ``content`` is the
    canonical JSON of what was delivered. ``results`` are those of subtasks that have no 3.0 field.
    """

    type: str
    value: Any
    content: bytes
    results: tuple[SubtaskResult, ...] = ()


class _TypedTable(Struct, frozen=True):
    """How a type is translated. ``unmapped``: (attribute, key) of members that have no 3.0 field."""

    name: str
    decode: Callable[[Raw], Any]
    mapped: type[Struct]
    unmapped: Sequence[tuple[str, str]]


def translate_typed(event_type: str, raw: Raw) -> TypedTranslation | None:
    """Translate ``data``, the JSON text of an object; None where only `translate` can."""
    if len(raw) > SLOW_NUMBER_SCAN_MIN_BYTES and (len(raw) > _MAX_BYTES or has_slow_numbers(raw)):
        return None
    table = _typed_table(event_type) if event_type in LEGACY_TYPES else None
    if table is None:
        return None
    try:
        delivered = table.decode(raw)
        value = msgspec.convert(delivered, table.mapped, from_attributes=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    found = [
        (attribute, key, member)
        for attribute, key in table.unmapped
        if (member := getattr(delivered, attribute)) and type(member) in CONTAINER_TYPES
    ]
    results: tuple[SubtaskResult, ...] = ()
    if found:
        check_depth(raw)  # all else has the depth of a struct
        with_results = {key: member for _, key, member in found if may_have_results(member)}
        if len(with_results) > 1:
            return None  # results come in the order of the body, which a struct does not know
        results = tuple(nested_results(with_results))
        for attribute, _, member in found:
            setattr(delivered, attribute, Raw(canonical(member)))
    return TypedTranslation(table.name, value, _encode_sorted(delivered), results)


@cache
def _typed_table(event_type: str) -> _TypedTable | None:
    """Derive the structs of a type; None where its table does not allow it, or is not all there is to it."""
    legacy_type = LEGACY_TYPES[event_type]
    rows = legacy_type.table.rows
    if legacy_type.constants or legacy_type.fold_status_into or rows.get("status") is None:
        return None
    try:
        forms = forms_of(legacy_type.table, is_root=True)
    except UnsupportedTableError:
        return None
    unmapped = [(delivered_name(key), key) for key, rule in rows.items() if rule is None]
    decode = msgspec.json.Decoder(forms.delivered).decode
    return _TypedTable(legacy_type.type, decode, forms.mapped, unmapped)
