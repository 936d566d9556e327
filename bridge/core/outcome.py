"""The closed list of delivery outcomes, and the two errors that lead to one.

A delivery has exactly one outcome. The metric's label, the log line's field and the HTTP status are all taken
from `DeliveryOutcome`.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct


class DeliveryOutcome(StrEnum):
    """The outcome of a delivery. In the first three cases the event is durable: no redelivery is needed."""

    PUBLISHED = "published"
    DUPLICATE = "duplicate"
    SPOOLED = "spooled"
    REJECTED = "rejected"
    UNAUTHORIZED = "unauthorized"
    DEFERRED = "deferred"


HTTP_STATUS: Mapping[DeliveryOutcome, tuple[int, str]] = MappingProxyType(
    {
        DeliveryOutcome.PUBLISHED: (200, "OK"),
        DeliveryOutcome.DUPLICATE: (200, "OK"),
        DeliveryOutcome.SPOOLED: (202, "Accepted"),
        DeliveryOutcome.REJECTED: (422, "Unprocessable Content"),
        DeliveryOutcome.UNAUTHORIZED: (401, "Unauthorized"),
        DeliveryOutcome.DEFERRED: (503, "Service Unavailable"),
    }
)
"""Status code and reason phrase of the HTTP response to each outcome."""


class Reason(StrEnum):
    """Why a body is rejected: it can never be read as an event."""

    MALFORMED = "malformed"
    NOT_AN_EVENT = "not_an_event"
    NO_PAYLOAD = "no_payload"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    INTERNAL = "internal"


class DeliveryResult(Struct, frozen=True, gc=False):
    """The outcome of one delivery, with what the HTTP response and the log line show of it.

    ``reason`` is a `Reason` for REJECTED, a reason of `core.signature` for UNAUTHORIZED, else empty.
    ``detail`` explains these and DEFERRED to a person; it never holds bytes of the body.
    """

    outcome: DeliveryOutcome
    event_id: str = ""
    event_type: str = ""
    topic: str = ""
    reason: str = ""
    detail: str = ""


class RejectedError(Exception):
    """The body can never be read as an event: the same bytes are rejected again."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["RejectedError"], tuple[Reason, str]]:
        return RejectedError, (self.reason, self.detail)  # so that it can be copied


class UnavailableError(Exception):
    """Nothing durable was reached; the same delivery may succeed later."""
