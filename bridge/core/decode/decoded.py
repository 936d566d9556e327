"""The result of decoding a body of either format; `envelope` builds the event from it."""

from typing import Any

from msgspec import Raw, Struct

from bridge.core.catalogue import EventType
from bridge.core.event import Format
from bridge.core.result import NO_CODE, TopLevelCode


class DecodedBody(Struct, frozen=True, gc=False):
    """A decoded body of either format.

    ``value`` and ``payload`` are as in `normalize.Normalized`. ``content`` is the canonical JSON of what was
    delivered below the envelope. ``repairs`` lists those of the envelope, then those of the payload;
    ``repairs_more`` and ``nonconforming`` are the payload's. ``has_extra_members``: the body holds more than
    the payload. ``unmapped_results`` are (path, codes) of results with no field in the payload. ``task_id``
    and ``file_id`` are set only where the payload is not in a shape that the row's paths can read.
    ``original`` is the event's, empty where there is none or it is still to be made of the members.
    """

    format: Format
    type: str
    known: bool
    row: EventType
    value: Any
    payload: Raw
    content: bytes
    repairs: tuple[str, ...] = ()
    repairs_more: int = 0
    nonconforming: bool = False
    has_extra_members: bool = False
    top_level_code: TopLevelCode = NO_CODE
    task_id: str = ""
    file_id: str = ""
    unmapped_results: tuple[tuple[str, dict[str, Any]], ...] = ()
    original: bytes = b""
