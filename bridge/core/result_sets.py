"""The objects of a payload that can report a result: elements of its result sets, and objects inside them.

Two readers, for the two forms of a payload: `result_objects` for a dict, `result_fields` for a strict struct.
A strict struct holds only what the catalogue knows; in a dict, arrays that the catalogue does not know are
sets of results as well, also those inside elements and in place of another array's element or of an object.
"""

from collections.abc import Callable, Iterator
from functools import cache
from operator import attrgetter
from typing import Any, get_args

from msgspec import Struct, structs

from bridge.core.catalogue import UNKNOWN_TYPE, EventType
from bridge.core.decode.schema import ObjectSchema, schema_of

# An object with none of these fields reports no result.
_CODE_FIELDS = frozenset({"ErrCode", "ErrCodeExt", "Status"})
_TUPLE_GETTER_MIN = 2

# Arrays inside elements, and inside those; deeper ones do not count.
_NESTED_SETS_MAX = 4

_NO_RESULT_TYPES = frozenset({int, float, str, bool, type(None)})

_PathAndObject = tuple[str, dict[str, Any]]


def result_objects(value: dict[str, Any], row: EventType) -> Iterator[_PathAndObject]:
    """Yield (path, object) for every element of the result sets and every object in it."""
    schema = schema_of(row.struct)
    for name in row.result_sets:
        yield from _elements(name, value.get(name), schema.fields[name].schema)
    # Sets that the catalogue does not know count as well.
    for name in sorted(key for key, member in value.items() if type(member) is list):
        if row is UNKNOWN_TYPE or not row.has_field(name):
            yield from _elements(name, value[name], None)


def _elements(
    path: str,
    found: Any,  # noqa: ANN401 - any JSON value
    schema: ObjectSchema | None,
    nested_max: int = _NESTED_SETS_MAX,
) -> Iterator[_PathAndObject]:
    """Yield the objects of a set; ``schema`` is that of its elements, None where there is none."""
    if type(found) is dict:
        yield from _with_nested(path, found, schema, nested_max)
    if type(found) is not list or _NO_RESULT_TYPES.issuperset(map(type, found)):
        return  # numbers and texts, however many, hold no result
    for index, element in enumerate(found):
        if not element:  # {} holds no result
            continue
        if type(element) is dict:
            yield from _with_nested(f"{path}[{index}]", element, schema, nested_max)
        elif nested_max and type(element) is list:
            yield from _elements(f"{path}[{index}]", element, schema, nested_max - 1)


def _with_nested(
    path: str, element: dict[str, Any], schema: ObjectSchema | None, nested_max: int
) -> Iterator[_PathAndObject]:
    yield path, element
    for name in sorted(element):
        child = element[name]
        if type(child) is dict:
            yield f"{path}.{name}", child
            field = schema.fields.get(name) if schema else None
            yield from _sets_inside(f"{path}.{name}", child, field.schema if field else None, nested_max)
    yield from _sets_inside(path, element, schema, nested_max)


def _sets_inside(
    path: str, value: dict[str, Any], schema: ObjectSchema | None, nested_max: int
) -> Iterator[_PathAndObject]:
    """Yield the objects of the arrays in an object that are none of the catalogue's."""
    names = [key for key, member in value.items() if type(member) is list and member] if nested_max else ()
    for name in sorted(names):
        field = schema.fields.get(name) if schema else None
        if field is None or not field.is_array:
            yield from _elements(f"{path}.{name}", value[name], None, nested_max - 1)


class ResultFields(Struct, frozen=True):
    """The objects of a strict struct that can carry result codes.

    ``names`` are the fields that hold them, "" for the struct itself; ``children(struct)`` returns these
    objects in the same order, None for an absent one.
    """

    names: tuple[str, ...]
    children: Callable[[Any], tuple[Any, ...]]


@cache
def result_fields(kind: Any) -> ResultFields:  # noqa: ANN401 - a class, which the cache asks to be hashable
    """Return the result fields of a struct class, cached: nearly all of its fields can hold no result."""
    fields = {field.name: field.type for field in structs.fields(kind)}
    found = []
    for name, hint in fields.items():
        classes = [one for one in get_args(hint) if isinstance(one, type) and issubclass(one, Struct)]
        if any(not _CODE_FIELDS.isdisjoint(one.__struct_fields__) for one in classes):
            found.append(name)
    children = _getter(tuple(found))
    if _CODE_FIELDS.isdisjoint(fields):
        return ResultFields(tuple(found), children)
    return ResultFields(("", *found), lambda result_object: (result_object, *children(result_object)))


@cache
def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function from a struct to the tuple of these fields' values."""
    if len(names) < _TUPLE_GETTER_MIN:
        return lambda result_object: tuple([getattr(result_object, name) for name in names])
    return attrgetter(*names)
