"""Notifications made up from the catalogue: right types with wild values, and whatever else a sender may do.

Made from a seed and not by hypothesis' own strategies: those take a hundred times as long for the vendor's
1,664 fields. A failing seed is all it takes to see the same body again.
"""

import json
from random import Random
from typing import Any

from bridge.core.catalogue import BY_PAYLOAD_FIELD, EVENT_TYPES, EventType
from bridge.core.decode.schema import FieldSchema, ObjectSchema, schema_of

# Numbers that no Python number holds stand in the text as these, and are put in afterwards.
LITERALS = {"<digits>": "9" * 5000, "<infinite>": "1e999", "<exponent>": "-1E-400"}

TEXTS = (
    "",
    "FINISH",
    "PROCESSING",
    "FAIL",
    "SUCCESS",
    "0",
    "70000",
    "a:b#c@d{e}f%g\x00\x7f",
    "中文😀",
    "x" * 300,
)
LONE_SURROGATES = ("\ud800", "a\udfffb", "\ud83d x \\", "\\\ud800")
NUMBERS = (
    0,
    -1,
    1,
    2**53 + 1,
    2**63,
    2**64 - 1,
    2**64,
    -(2**63) - 1,
    10**40,
    0.0,
    -0.0,
    60.0,
    1e22,
    0.1,
    1e-7,
)


class Bodies:
    """One made-up notification after the other; ``wild`` is the share of values of a wrong kind."""

    def __init__(self, seed: int, wild: float | None = None) -> None:
        self.random = Random(seed)  # noqa: S311 - no secret hangs on it
        self.wild = self.random.choice((0.003, 0.03, 0.2)) if wild is None else wild
        self.lone = self.random.random() < 0.05

    def text(self) -> str:
        """Return a text, sometimes with a lone surrogate where this body may have some."""
        if self.lone and self.random.random() < 0.3:
            return self.random.choice(LONE_SURROGATES)
        return self.random.choice((*TEXTS, f"id-{self.random.randrange(10**6)}"))

    def any_value(self, depth: int = 0) -> Any:  # noqa: ANN401 - any JSON value
        """Give any JSON value."""
        kind = self.random.randrange(8 if depth < 3 else 6)
        if kind == 6:
            return [self.any_value(depth + 1) for _ in range(self.random.randrange(4))]
        if kind == 7:
            keys = ("ErrCode", "ErrCodeExt", "Status", "Message", "FileId", "Foo", self.text())
            return {
                self.random.choice(keys): self.any_value(depth + 1) for _ in range(self.random.randrange(4))
            }
        if kind == 5:
            return self.random.choice(list(LITERALS))
        return self.random.choice((None, True, False, self.random.choice(NUMBERS), self.text(), self.text()))

    def value(self, kind: FieldSchema) -> Any:  # noqa: ANN401 - any JSON value
        """Return a value for a key of the catalogue."""
        if self.random.random() < self.wild:
            return self.any_value()
        if kind.is_array:
            element = FieldSchema(kind.type, schema=kind.schema)
            return [self.value(element) for _ in range(self.random.randrange(3))]
        if kind.schema:
            return self.catalogue_object(kind.schema)
        if kind.type is str:
            return self.text()
        if kind.type is bool:
            return self.random.random() < 0.5
        numbers = [number for number in NUMBERS if -(2**63) <= number < 2**64]
        return self.random.choice([number for number in numbers if kind.type is float or type(number) is int])

    def catalogue_object(self, shape: ObjectSchema) -> dict[str, Any]:
        """Give an object of the catalogue with some of its keys, in any order, and some of its own."""
        share = self.random.choice((0.2, 0.5, 1.0))
        names = [name for name in shape.fields if self.random.random() < share]
        self.random.shuffle(names)
        members = {
            name: None if self.random.random() < 0.05 else self.value(shape.fields[name]) for name in names
        }
        if self.wild and self.random.random() < 0.1:
            members[self.random.choice(("Unknown", "UnknownSet", "fileId", "status", "MediaBasicInfo"))] = (
                self.any_value()
            )
        return members

    def notification(self) -> tuple[EventType, dict[str, Any]]:
        """Return a row of the catalogue and a plausible notification of its type."""
        row = self.random.choice(EVENT_TYPES)
        body: dict[str, Any] = {}
        if self.random.random() < 0.97:
            body["EventType"] = self.random.choice((row.name, *row.aliases))
        body[self.random.choice((row.field, *row.field_aliases))] = self.catalogue_object(
            schema_of(row.struct)
        )
        if self.random.random() < 0.2:
            body |= dict.fromkeys(field for field in BY_PAYLOAD_FIELD if field not in body)
        if self.wild and self.random.random() < 0.2:
            body[self.random.choice(("Further", "version", "EventType", "eventType", row.field))] = (
                self.any_value()
            )
        if self.random.random() < 0.2:
            body |= {"Sign": "0123", "T": 1767225600, "EventHandle": "handle"}
        return row, body


def encode_body(body: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Write a body as JSON, with the numbers that no Python number holds."""
    return _with_literals(json.dumps(body)).encode()


def encode_compact(row: EventType, payload: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Write a body as the vendor does: compact, the type first, characters as they are."""
    body = {"EventType": row.name, row.field: payload}
    text = _with_literals(json.dumps(body, ensure_ascii=False, separators=(",", ":")))
    return text.encode(errors="surrogatepass")


def encode_framed(row: EventType, payload: Any, random: Random) -> bytes:  # noqa: ANN401 - any JSON value
    """Write a body as senders do: the payload among null siblings and what may stand there some day."""
    separators = random.choice(((",", ":"), (", ", ": "), (",\n  ", ": ")))
    siblings = [(field, None) for field in random.sample(sorted(BY_PAYLOAD_FIELD), random.randrange(4))]
    siblings += random.sample(SIBLINGS, random.choice((0, 0, 1, 2)))
    members = [("EventType", row.name), *siblings]
    if random.random() < 0.1:
        random.shuffle(members)
    members.insert(random.randrange(1, len(members) + 1), (row.field, payload))  # a key may stand there twice
    ascii_only = random.random() < 0.5
    text = separators[0].join(
        separators[1].join(json.dumps(one, ensure_ascii=ascii_only, separators=separators) for one in member)
        for member in members
    )
    return (_with_literals(f"{{{text}}}") + random.choice(("", "", "\n"))).encode(errors="surrogatepass")


SIBLINGS: tuple[tuple[str, Any], ...] = (
    ("EventHandle", "handle"),
    ("EventType", "NewFileUpload"),
    ("FileUploadEvent", {}),
    ("Sign", None),
    ("T", 1767225600),
    ("Version", 1.0),
    ("Zoo", "<infinite>"),
    ("A", [None, 2**70]),
    ("a{b}", None),
    ("Nested", {"z": None, "a": 1}),
    ("eventType", "x}"),
    ("é", "\ud800"),
)


def _with_literals(text: str) -> str:
    for name, literal in LITERALS.items():
        text = text.replace(f'"{name}"', literal) if f'"{name}":' not in text else text
    return text


def shuffled(value: Any, random: Random) -> Any:  # noqa: ANN401 - any JSON value
    """Put the keys of every object into another order."""
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: shuffled(value[key], random) for key in keys}
    if isinstance(value, list):
        return [shuffled(element, random) for element in value]
    return value
