"""The ids that a schema registry gave the schemas, as the header in which deserializers look for them.

Header and forms are those of Confluent's `SchemaId`: a magic byte, then an id or a GUID. Its JSON
deserializers read the header first, and then leave the value as it is.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from bridge.core.printable import cut

VALUE_SCHEMA_ID_HEADER = "__value_schema_id"

_ID_MAGIC, _GUID_MAGIC = b"\x00", b"\x01"
_ID_BYTES, _GUID_BYTES = 4, 16
_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_ID_MAX = 2**31 - 1
_SHOWN_MAX_CHARS = 60
_FORM = f'must be JSON like {{"TranscodeComplete": 7}}, with ids from 0 to {_ID_MAX} or GUIDs'


class SchemaIdsError(ValueError):
    """A text is no list of schema ids; says what is wrong and what is expected."""


class SchemaIds(Struct, frozen=True, eq=False):
    """Header values by the schema's name. Compared by identity: an event's route is looked up by it."""

    values: Mapping[str, bytes]

    def header(self, schema: str) -> tuple[str, bytes] | None:
        """Return the header of records of a schema (an event type, or `event`); None where it has no id."""
        value = self.values.get(schema)
        return None if value is None else (VALUE_SCHEMA_ID_HEADER, value)


def parse_schema_ids(text: bytes) -> SchemaIds:
    """Parse a JSON object {schema: id or GUID}; raises `SchemaIdsError`. Unknown schemas are no mistake.

    A roll-back reads the list that a later release wrote.
    """
    try:
        ids = msgspec.json.decode(text.removeprefix(BOM_UTF8), type=dict[str, int | str])
        return SchemaIds({schema: _header_value(given) for schema, given in ids.items()})
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise SchemaIdsError(f"{_FORM}: {error}") from None


def header_text(name: str, value: bytes) -> str:
    """Return a header's value for people: a schema id as a number or a GUID, all else as text."""
    if name == VALUE_SCHEMA_ID_HEADER:
        magic, rest = value[:1], value[1:]
        if magic == _ID_MAGIC and len(rest) == _ID_BYTES:
            return str(int.from_bytes(rest))
        if magic == _GUID_MAGIC and len(rest) == _GUID_BYTES:
            text = rest.hex()
            return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return value.decode("utf-8", "replace")


def _header_value(given: int | str) -> bytes:
    if isinstance(given, str):
        if not _GUID.fullmatch(given):
            raise ValueError(f"{cut(given, _SHOWN_MAX_CHARS)!r} is no GUID")
        return _GUID_MAGIC + bytes.fromhex(given.replace("-", ""))
    if not 0 <= given <= _ID_MAX:
        raise ValueError(f"{given} is out of range")
    return _ID_MAGIC + given.to_bytes(_ID_BYTES)
