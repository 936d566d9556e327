"""What a row of a legacy mapping table can say. No rows here, and nothing that applies them.

A table is plain data: `Place.rows` maps each legacy key of one object to its rule. A rule that is a text is
the place of the unchanged value; None means that 3.0 has no place for it; the structs below name a
conversion. Places are paths relative to the object, their steps joined by dots. Where several keys lead to
one place, the first in the table's order that has a value wins.
"""

from collections.abc import Mapping

from msgspec import Struct


class MapValues(Struct, frozen=True):
    """Some words are called differently, all others stay."""

    to: str
    values: Mapping[str, str]


class ToList(Struct, frozen=True):
    """A value becomes an array of one."""

    to: str


class FirstOfList(Struct, frozen=True):
    """A value, or an array of one: the value."""

    to: str


class WrapElements(Struct, frozen=True):
    """Each element of an array becomes an object with ``name`` as its only key."""

    to: str
    name: str


class Pluck(Struct, frozen=True):
    """Each object of an array becomes the value that it holds under ``key``."""

    to: str
    key: str


class MapObject(Struct, frozen=True):
    """An object (where ``or_one`` also an array of one), mapped by its own table."""

    to: str
    table: "MappingTable"
    or_single: bool = False


class MapObjects(Struct, frozen=True):
    """An array of objects. An element of a kind in ``kinds`` is mapped by that table, others by ``place``."""

    to: str
    table: "MappingTable"
    by_kind: Mapping[str, "MappingTable"] = {}


Conversion = MapValues | ToList | FirstOfList | WrapElements | Pluck | MapObject | MapObjects
Rule = str | Conversion | None

OTHER_KEYS = "*"
"""The key of a row for every key that has no row of its own."""


class MappingTable(Struct, frozen=True, eq=False):
    """One legacy object. Keys that already are fields of ``struct``, its 3.0 form, pass as they are.

    One is equal to itself only, so that what is looked up in it can be kept.
    """

    struct: type[Struct]
    rows: Mapping[str, Rule]


class LegacyType(Struct, frozen=True):
    """What became of a legacy type: its EventType now, and how its ``data`` reads there.

    ``always`` are values that 3.0 has and the legacy format implies. A ``status`` without a place of its own
    is folded into those objects of the array ``folded`` that lack a code.
    """

    type: str
    table: MappingTable
    constants: Mapping[str, str] = {}
    fold_status_into: str = ""
