"""The HTTP responses: an outcome or a rejection as bytes (the README's table).

Responses that never change are made once; no header repeats anything of the request.
"""

from email.utils import formatdate
from typing import get_args

from msgspec import Struct, json

from bridge.core.outcome import HTTP_STATUS, DeliveryOutcome, DeliveryResult
from bridge.io.http.routing import NotFoundReason

_RETRY_AFTER = b"Retry-After: 5\r\n"
_STATUS = {outcome: f"{code} {phrase}".encode() for outcome, (code, phrase) in HTTP_STATUS.items()}

_ACCEPTED = {
    ending: ending.value
    for ending in (DeliveryOutcome.PUBLISHED, DeliveryOutcome.DUPLICATE, DeliveryOutcome.SPOOLED)
}


class _AcceptedBody(Struct, gc=False):
    """The response to an event that is kept: keys in the order in which they are written."""

    outcome: str
    event_id: str
    event_type: str
    topic: str


class HttpResponse(Struct, frozen=True, gc=False):
    """A response without what depends on the connection: its date, and whether the connection goes on."""

    status: bytes
    body: bytes
    headers: bytes = b""
    omit_body: bool = False
    reject_reason: str = ""
    close: bool = False
    unauthorized_reason: str = ""


def _rejection(reject_reason: str, status: bytes, error: str, headers: bytes = b"") -> HttpResponse:
    # After these two nobody knows where the next request begins.
    closes = reject_reason in ("bad_request", "header_too_large")
    return HttpResponse(
        status, json.encode({"error": error}), headers, reject_reason=reject_reason, close=closes
    )


METHOD_NOT_ALLOWED = _rejection(
    "method_not_allowed", b"405 Method Not Allowed", "only POST is taken here", b"Allow: POST\r\n"
)
METHOD_NOT_ALLOWED_HEAD = HttpResponse(
    METHOD_NOT_ALLOWED.status,
    METHOD_NOT_ALLOWED.body,
    METHOD_NOT_ALLOWED.headers,
    omit_body=True,
    reject_reason=METHOD_NOT_ALLOWED.reject_reason,
)
NOT_FOUND = {
    reason: _rejection(reason, b"404 Not Found", "no such callback address")
    for reason in get_args(NotFoundReason)
}
"""By why; the same bytes for all."""
TOO_LARGE = _rejection("too_large", b"413 Content Too Large", "the body is too large")
OVERLOADED = HttpResponse(
    _STATUS[DeliveryOutcome.DEFERRED],
    json.encode({"outcome": DeliveryOutcome.DEFERRED, "detail": "the limit of bytes of bodies is reached"}),
    _RETRY_AFTER,
    reject_reason="overloaded",
)
# After a bug in the work on a request: nobody knows whether anything durable was reached.
INTERNAL_ERROR = HttpResponse(
    _STATUS[DeliveryOutcome.DEFERRED],
    json.encode({"outcome": DeliveryOutcome.DEFERRED, "detail": "a bug of the bridge; see its log"}),
    _RETRY_AFTER,
    close=True,
)
BAD_REQUEST = _rejection("bad_request", b"400 Bad Request", "this is no HTTP request")
HEADER_TOO_LARGE = _rejection(
    "header_too_large", b"431 Request Header Fields Too Large", "the request's header is too large"
)


def response_for(result: DeliveryResult) -> HttpResponse:
    """Return the response for the result of a delivery."""
    delivery_outcome = result.outcome
    if delivery_outcome in _ACCEPTED:
        accepted = _AcceptedBody(
            _ACCEPTED[delivery_outcome], result.event_id, result.event_type, result.topic
        )
        return HttpResponse(_STATUS[delivery_outcome], json.encode(accepted))
    fields: dict[str, str] = {"outcome": delivery_outcome.value}
    if delivery_outcome in (DeliveryOutcome.REJECTED, DeliveryOutcome.UNAUTHORIZED):
        fields["reason"] = result.reason
        if delivery_outcome is DeliveryOutcome.REJECTED:
            fields["detail"] = result.detail
            return HttpResponse(_STATUS[delivery_outcome], json.encode(fields))
        return HttpResponse(_STATUS[delivery_outcome], json.encode(fields), unauthorized_reason=result.reason)
    fields["detail"] = result.detail
    return HttpResponse(_STATUS[delivery_outcome], json.encode(fields), _RETRY_AFTER)


def http_date(unix_s: int) -> bytes:
    """Write a time as a Date header has it."""
    return formatdate(unix_s, usegmt=True).encode()
