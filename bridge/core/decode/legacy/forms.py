"""Derives structs from mapping tables: the object as delivered, and the object in format 3.0.

The attributes of the delivered object have the names of format 3.0, so that the one is converted to the other
by its attributes: a key that is only renamed is a field with another name in the JSON text; what is nested
deeper in format 3.0 is a property that returns the object itself. A key that no struct can have is left out,
so that decoding refuses the objects that hold it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, reduce
from itertools import groupby
from operator import attrgetter, or_
from types import GenericAlias
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from bridge.core.decode.legacy.rules import (
    OTHER_KEYS,
    FirstOfList,
    MapObject,
    MapObjects,
    MappingTable,
    MapValues,
    Rule,
)
from bridge.core.decode.schema import PROBED_FIELDS, FieldSchema, Integer, field_type, schema_of

_KIND = "taskType"
_KIND_FIELDS = 2
_SCALAR = str | bool | Integer | float
_EMPTY: Mapping[str, Any] = {}
# No object fits it. With it even one kind makes a union, and only in a union msgspec requires the tag.
_NEVER = msgspec.defstruct("_Never", [("never", Annotated[int, Meta(ge=1, le=0)])], tag_field=_KIND, tag="\0")


class UnsupportedTableError(Exception):
    """No structs can be derived from the table."""


class Forms(Struct, frozen=True):
    """The structs of a table: ``delivered``, and ``mapped``, the object in format 3.0."""

    delivered: type[Struct]
    mapped: type[Struct]


class _Field(Struct, frozen=True):
    """A key of a table: the parent and the name of its target, its type as delivered and in format 3.0."""

    key: str
    parent: str
    name: str
    delivered: Any
    mapped: Any


def delivered_name(key: str) -> str:
    """Return the attribute of a key that has no 3.0 name of its own."""
    return f"delivered_{key}"


@cache
def forms_of(table: MappingTable, kind: str = "", *, is_root: bool = False) -> Forms:
    """Derive the structs of a table; ``kind`` is the taskType of its objects, empty where they have none.

    Members without a 3.0 field may be anything in the root, and nothing that holds a result elsewhere. Raises
    `UnsupportedTableError`.
    """
    if OTHER_KEYS in table.rows:
        raise UnsupportedTableError
    rows = {key: rule for key, rule in table.rows.items() if not (kind and key == _KIND)}
    fields = [field for key, rule in rows.items() for field in _fields(table, key, rule)]
    types: dict[str, Any] = {
        delivered_name(key): Any if is_root else _SCALAR | list[_SCALAR]
        for key, rule in rows.items()
        if rule is None
    }
    keys = {delivered_name(key): key for key, rule in rows.items() if rule is None}
    mapped: dict[str, Any] = {}
    namespace: dict[str, Any] = {}
    if kind:
        rule = table.rows[_KIND]
        namespace["Type"] = rule.values.get(kind, kind) if isinstance(rule, MapValues) else kind
        mapped["Type"] = str
    for parent, group in _contiguous(fields, attrgetter("parent")):
        nested: dict[str, Any] = {}
        for name, alternatives in _contiguous(group, attrgetter("name")):
            nested[name] = alternatives[0].mapped
            attributes = [delivered_name(one.key) for one in alternatives]
            if len(alternatives) == 1:
                attributes = [name]
            else:
                namespace[name] = property(_first_of(attributes))
            if not types.keys().isdisjoint(attributes) or not _are_alternatives(alternatives):
                raise UnsupportedTableError
            types |= {one: field.delivered for one, field in zip(attributes, alternatives, strict=True)}
            keys |= {one: field.key for one, field in zip(attributes, alternatives, strict=True)}
        if parent:
            namespace[parent] = property(_itself_unless_empty(tuple(nested)))
            nested = {parent: _struct(parent, nested)}
        if not mapped.keys().isdisjoint(nested):
            raise UnsupportedTableError
        mapped |= nested
    known = schema_of(table.struct).fields
    tag = {"tag_field": _KIND, "tag": kind} if kind else {}
    return Forms(
        _struct(table.struct.__name__, types, known, namespace, rename=keys, **tag),
        _struct(table.struct.__name__, mapped, known),
    )


def _are_alternatives(fields: Sequence[_Field]) -> bool:
    """Whether the first of these fields that has a value wins; of objects, `apply` merges all."""
    one = fields[0].mapped
    is_object = isinstance(one, type) and issubclass(one, Struct)
    return len(fields) == 1 or (not is_object and all(field.mapped == one for field in fields))


def _fields(table: MappingTable, key: str, rule: Rule) -> list[_Field]:
    """Return the field of a key; empty where no struct can have it."""
    if rule is None:
        return []
    parent, _, name = (rule if isinstance(rule, str) else rule.to).rpartition(".")
    schema = schema_of(table.struct)
    for step in parent.split(".") if parent else ():
        inner = schema.fields[step].schema
        if "." in parent or inner is None:
            raise UnsupportedTableError
        schema = inner
    target = schema.fields.get(name)
    if key == name or target is None:
        return []  # format 3.0's own name, or none at all
    types = _types(rule, target)
    return [_Field(key, parent, name, *types)] if types else []


def _types(rule: str | Rule, target: FieldSchema) -> tuple[Any, Any] | None:
    """Return the types of a field, as delivered and in format 3.0; None where no struct can have it."""
    match rule:
        case str() if target.schema is None:
            one = field_type(target, attrgetter("strict"))
            return one, one
        case FirstOfList() if target.schema is None and not target.is_array:
            one = field_type(target, attrgetter("strict"))  # an array of one is left to `apply`
            return one, one
        case MapObject(table=table, or_single=False):
            forms = forms_of(table)
            return forms.delivered, forms.mapped
        case MapObjects(table=table, by_kind=by_kind):
            forms = _forms_by_kind(table, by_kind) if by_kind else forms_of(table)
            return GenericAlias(list, forms.delivered), GenericAlias(list, forms.mapped)
    return None


def _forms_by_kind(table: MappingTable, by_kind: Mapping[str, MappingTable]) -> Forms:
    """Derive the structs of the elements of an array: delivered by kind, one in format 3.0."""
    kinds = {}
    for kind, inner in by_kind.items():
        if OTHER_KEYS not in inner.rows:
            kinds[kind] = forms_of(inner, kind)
    mapped: dict[str, Any] = {}
    for forms in kinds.values():
        found = {field.name: field.type for field in msgspec.structs.fields(forms.mapped)}
        if len(found) > _KIND_FIELDS:  # more than the type and the task may come in another order
            raise UnsupportedTableError
        mapped |= found
    delivered = reduce(or_, [forms.delivered for forms in kinds.values()], _NEVER)
    return Forms(delivered, _struct(table.struct.__name__, mapped, schema_of(table.struct).fields))


def _struct(
    name: str,
    types: Mapping[str, Any],
    known: Iterable[str] = (),
    namespace: Mapping[str, Any] = _EMPTY,
    **options: Any,  # noqa: ANN401 - of msgspec.defstruct
) -> type[Struct]:
    """Define a struct of optional fields; ``known`` and the probed fields are None where it has them not."""
    absent = dict.fromkeys([one for one in (*PROBED_FIELDS, *known) if one not in types])
    return msgspec.defstruct(
        name,
        [(field, one | None, None) for field, one in types.items()],
        namespace={**absent, **namespace},
        forbid_unknown_fields=True,
        omit_defaults=True,
        kw_only=True,
        gc=False,
        **options,
    )


def _contiguous(fields: Iterable[_Field], key: Callable[[_Field], str]) -> Iterator[tuple[str, list[_Field]]]:
    for name, group in groupby(fields, key):
        yield name, list(group)


def _first_of(attributes: Sequence[str]) -> Callable[[Any], Any]:
    """Return the getter of a target that several keys have: the first value that is not empty."""

    def get(delivered: Any) -> Any:  # noqa: ANN401 - a struct and any of its values
        found = None
        for attribute in attributes:
            value = getattr(delivered, attribute)
            if value is not None and (found is None or found == ""):
                found = value
        return found

    return get


def _itself_unless_empty(names: Sequence[str]) -> Callable[[Any], Any]:
    """Return the getter of a nested object whose fields the delivered object has itself."""

    def get(delivered: Any) -> Any:  # noqa: ANN401 - a struct
        for name in names:
            if getattr(delivered, name) is not None:
                return delivered
        return None

    return get
