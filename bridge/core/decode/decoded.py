"""What the readers of the two formats hand over, so that one place makes the event of it."""

from typing import Any

from msgspec import Raw, Struct

from bridge.core.catalogue import EventType
from bridge.core.event import Format
from bridge.core.result import NO_CODE, TopLevelCode


class DecodedBody(Struct, frozen=True, gc=False):
    """A body understood, whatever its format.

    ``value`` and ``payload`` are as in `conformance.Fitted`. ``content`` are the canonical bytes of what was
    delivered below the envelope. Of ``repairs``, those of how the body is made up come before the payload's;
    ``repairs_more`` and ``misfit`` are the payload's. ``further`` tells that the body holds more than the
    payload says. ``unplaced`` are the results that the payload has no place for: path and codes of each.
    ``task_id`` and ``file_id`` are set only where the payload is in no shape that the row's
    paths can read.
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
