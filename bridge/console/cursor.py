"""Where a reader of the deliveries is: the last number it has seen, of each process and of each replica.

With one process alone that is a number. Else it is a text that only the bridge reads.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

NUMBER_MAX = 2**53
TEXT_MAX = 4096
PATTERN = f"^[A-Za-z0-9_-]{{0,{TEXT_MAX}}}$"

Number = Annotated[int, Meta(ge=0, le=NUMBER_MAX)]
Position = Number | Annotated[str, Meta(max_length=TEXT_MAX)]
"""What a replica gives as its ``last_number``."""


class Cursor(Struct, frozen=True):
    """The last number of each of our processes, and the position of each other replica.

    ``own`` is None where the reader has seen nothing yet.
    """

    own: Mapping[str, Number] | None = None
    peers: Mapping[str, Position] = {}

    def encode(self) -> int | str:
        """Return it as the API gives it. What is too long is left without the other replicas."""
        own = self.own or {}
        if not self.peers and own.keys() == {""}:
            return own[""]
        text = _encoded(self)
        return text if len(text) <= TEXT_MAX else _encoded(Cursor(self.own))


def parse_cursor(text: str) -> Cursor | None:
    """Return what `Cursor.encode` gave, an empty one for a text of another bridge; None for no such text."""
    if not text:
        return Cursor()
    if not re.fullmatch(PATTERN, text, re.ASCII):
        return None
    if text.isdecimal():
        is_too_large = len(text) > len(str(NUMBER_MAX))
        return Cursor({"": NUMBER_MAX if is_too_large else min(NUMBER_MAX, int(text))})
    try:
        return msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
    except (ValueError, RecursionError):  # what msgspec and base64 raise are ValueErrors, too
        return Cursor()


def _encoded(cursor: Cursor) -> str:
    return urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")
