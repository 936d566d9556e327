"""The rules of legacy mapping tables. The tables are elsewhere, and so is `apply`, which maps by them.

A table is plain data: `MappingTable.rows` maps each legacy key of one object to its rule. A rule that is a
text is the target path of the unchanged value; None means that 3.0 has no field for it; the structs below are
conversions. Targets are paths relative to the object, with dots between steps. Where several keys have one
target, the first in the table's order that has a value wins.
"""

from collections.abc import Mapping

from msgspec import Struct


class MapValues(Struct, frozen=True):
    """Replace the values in ``values``; all others stay."""

    to: str
    values: Mapping[str, str]


class ToList(Struct, frozen=True):
    """Wrap the value in an array of one."""

    to: str


class FirstOfList(Struct, frozen=True):
    """Unwrap an array of one; any other value stays."""

    to: str


class WrapElements(Struct, frozen=True):
    """Turn each element of an array into an object with ``name`` as its only key."""

    to: str
    name: str


class Pluck(Struct, frozen=True):
    """Replace each object of an array by its value at ``key``."""

    to: str
    key: str


class MapObject(Struct, frozen=True):
    """Map an object by its own table; with ``or_single`` also an array of one object."""

    to: str
    table: "MappingTable"
    or_single: bool = False


class MapObjects(Struct, frozen=True):
    """Map an array of objects: an element by the table of its kind in ``by_kind``, others by ``table``."""

    to: str
    table: "MappingTable"
    by_kind: Mapping[str, "MappingTable"] = {}


Conversion = MapValues | ToList | FirstOfList | WrapElements | Pluck | MapObject | MapObjects
Rule = str | Conversion | None

OTHER_KEYS = "*"
"""Row key that stands for every key without a row of its own."""


class MappingTable(Struct, frozen=True, eq=False):
    """The mapping of one legacy object. Keys that already are fields of ``struct``, its 3.0 form, are copied.

    Compared by identity, so that it can be a cache key.
    """

    struct: type[Struct]
    rows: Mapping[str, Rule]


class LegacyType(Struct, frozen=True):
    """The 3.0 successor of a legacy type: its EventType, and the mapping of ``data``.

    ``constants``: values that 3.0 has and the legacy format implies. ``fold_status_into``: the array whose
    objects without a code get the notification's ``status``, where 3.0 has no field for it.
    """

    type: str
    table: MappingTable
    constants: Mapping[str, str] = {}
    fold_status_into: str = ""
