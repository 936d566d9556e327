"""What a row of a legacy mapping table can say. No rows here, and nothing that applies them.

A table is plain data: `Place.rows` maps each legacy key of one object to its rule. A rule that is a text is
the place of the unchanged value; None means that 3.0 has no place for it; the structs below name a
conversion. Places are paths relative to the object, their steps joined by dots. Where several keys lead to
one place, the first in the table's order that has a value wins.
"""

from collections.abc import Mapping

from msgspec import Struct


class Words(Struct, frozen=True):
    """Some words are called differently, all others stay."""

    to: str
    words: Mapping[str, str]


class Single(Struct, frozen=True):
    """A value becomes an array of one."""

    to: str


class Unwrapped(Struct, frozen=True):
    """A value, or an array of one: the value."""

    to: str


class Wrapped(Struct, frozen=True):
    """Each element of an array becomes an object with ``name`` as its only key."""

    to: str
    name: str


class Plucked(Struct, frozen=True):
    """Each object of an array becomes the value that it holds under ``key``."""

    to: str
    key: str


class Object(Struct, frozen=True):
    """An object (where ``or_one`` also an array of one), mapped by its own table."""

    to: str
    place: "Place"
    or_one: bool = False


class Objects(Struct, frozen=True):
    """An array of objects. An element of a kind in ``kinds`` is mapped by that table, others by ``place``."""

    to: str
    place: "Place"
    kinds: Mapping[str, "Place"] = {}


Conversion = Words | Single | Unwrapped | Wrapped | Plucked | Object | Objects
Rule = str | Conversion | None

REST = "*"
"""The key of a row for every key that has no row of its own."""


class Place(Struct, frozen=True, eq=False):
    """One legacy object. Keys that already are fields of ``struct``, its 3.0 form, pass as they are.

    One is equal to itself only, so that what is looked up in it can be kept.
    """

    struct: type[Struct]
    rows: Mapping[str, Rule]


class Successor(Struct, frozen=True):
    """What became of a legacy type: its EventType now, and how its ``data`` reads there.

    ``always`` are values that 3.0 has and the legacy format implies. A ``status`` without a place of its own
    is folded into those objects of the array ``folded`` that lack a code.
    """

    type: str
    place: Place
    always: Mapping[str, str] = {}
    folded: str = ""
