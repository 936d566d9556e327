"""The objects of a payload that can report a result: elements of its result sets, and objects inside them.

Two readers, for the two forms of a payload: `result_objects` for a dict, `result_fields` for a strict struct.
"""

from collections.abc import Callable, Iterator
from functools import cache
from operator import attrgetter
from typing import Any, get_args

from msgspec import Struct, structs

from bridge.core.catalogue import UNKNOWN_TYPE, EventType

# An object with none of these fields reports no result.
_CODE_FIELDS = frozenset({"ErrCode", "ErrCodeExt", "Status"})
_TUPLE_GETTER_MIN = 2

_NO_RESULT_TYPES = frozenset({int, float, str, bool, type(None), list})


def result_objects(value: dict[str, Any], row: EventType) -> Iterator[tuple[str, Any]]:
    """Yield (path, object) for every element of the result sets and every object in it."""
    for name in row.result_sets:
        yield from _elements(name, value.get(name))
    # Sets that the catalogue does not know count as well.
    for name in sorted(key for key, member in value.items() if type(member) is list):
        if row is UNKNOWN_TYPE or not row.has_field(name):
            yield from _elements(name, value[name])


def _elements(name: str, found: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    if type(found) is not list:
        yield from _with_nested(name, found)
        return
    if all(map(_NO_RESULT_TYPES.__contains__, map(type, found))):
        return  # numbers and texts, however many, hold no result
    for index, element in enumerate(found):
        if element:  # {} holds no result
            yield from _with_nested(f"{name}[{index}]", element)


def _with_nested(path: str, element: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    if type(element) is not dict:
        return
    yield path, element
    for name in sorted(element):
        child = element[name]
        if type(child) is dict:
            yield f"{path}.{name}", child


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
