"""The objects of a decoded payload that may report a result: elements of its sets, objects in them."""

from collections.abc import Iterator
from typing import Any

from bridge.core.catalogue import UNKNOWN_TYPE, EventType

_NO_RESULT_TYPES = frozenset({int, float, str, bool, type(None), list})


def result_objects(value: dict[str, Any], row: EventType) -> Iterator[tuple[str, Any]]:
    """Give every element of the result sets and every object in it, with its path."""
    for name in row.result_sets:
        yield from _elements(name, value.get(name))
    # Sets that the catalogue does not know vote as well.
    for name in sorted(key for key, member in value.items() if type(member) is list):
        if row is UNKNOWN_TYPE or not row.has_field(name):
            yield from _elements(name, value[name])


def _elements(name: str, found: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    if type(found) is not list:
        yield from _with_nested(name, found)
        return
    if all(map(_NO_RESULT_TYPES.__contains__, map(type, found))):
        return  # however many numbers and texts there are, they own no result
    for index, element in enumerate(found):
        if element:  # not a word wasted on {}
            yield from _with_nested(f"{name}[{index}]", element)


def _with_nested(path: str, element: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    if type(element) is not dict:
        return
    yield path, element
    for name in sorted(element):
        child = element[name]
        if type(child) is dict:
            yield f"{path}.{name}", child
