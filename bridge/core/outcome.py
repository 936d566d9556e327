"""Every way a journey may end, and the two errors on the way there.

Nothing else may end a delivery: the metric's label, the log line's word and the HTTP answer are all taken
from `Ending`.
"""

from enum import StrEnum

from msgspec import Struct


class DeliveryOutcome(StrEnum):
    """How a delivery ended. Exactly one of these, always."""

    PUBLISHED = "published"
    DUPLICATE = "duplicate"
    SPOOLED = "spooled"
    REJECTED = "rejected"
    UNAUTHORIZED = "unauthorized"
    DEFERRED = "deferred"


class Reason(StrEnum):
    """Why bytes will never be an event."""

    MALFORMED = "malformed"
    NOT_AN_EVENT = "not_an_event"
    NO_PAYLOAD = "no_payload"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    INTERNAL = "internal"


class DeliveryResult(Struct, frozen=True, gc=False):
    """The ending of one delivery and what an answer or a log line tells of it.

    ``reason`` is a `Reason` for `Ending.REJECTED`, a signature's reason for `Ending.UNAUTHORIZED`.
    ``detail`` tells a person more of these and of `Ending.DEFERRED`; it never holds bytes of the body.
    """

    outcome: DeliveryOutcome
    event_id: str = ""
    event_type: str = ""
    topic: str = ""
    reason: str = ""
    detail: str = ""


class RejectedError(Exception):
    """These bytes will never be an event."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["RejectedError"], tuple[Reason, str]]:
        return RejectedError, (self.reason, self.detail)  # so that it can be copied


class UnavailableError(Exception):
    """The same bytes may do better later."""
