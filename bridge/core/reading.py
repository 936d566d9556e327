"""What the readers of the two formats hand over, so that one place makes the event of it."""

from msgspec import Struct

from bridge.core.catalogue import Row
from bridge.core.conformance import Fitted
from bridge.core.event import Format
from bridge.core.result import NO_CODE, OwnCode


class Reading(Struct, frozen=True, gc=False):
    """A body understood, whatever its format.

    ``content`` are the canonical bytes of what was delivered below the envelope. ``repairs`` are those of
    the envelope, before the payload's. ``further`` tells that the body holds more than the payload says.
    ``task_id`` and ``file_id`` are set only where the payload is in no shape that the row's paths can read.
    """

    format: Format
    type: str
    known: bool
    row: Row
    fitted: Fitted
    content: bytes
    repairs: tuple[str, ...] = ()
    further: bool = False
    own: OwnCode = NO_CODE
    task_id: str = ""
    file_id: str = ""
