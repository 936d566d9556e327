"""What the door answers: an ending or a refusal as the bytes of an HTTP response (the README's table).

Answers that never change are made once; no header tells anything of the request.
"""

from email.utils import formatdate
from typing import get_args

from msgspec import Struct, json

from bridge.core.outcome import Ending, Outcome
from bridge.io.ingress.addresses import Unknown

_RETRY_AFTER = b"Retry-After: 5\r\n"
_STATUS = {
    Ending.PUBLISHED: b"200 OK",
    Ending.DUPLICATE: b"200 OK",
    Ending.SPOOLED: b"202 Accepted",
    Ending.REJECTED: b"422 Unprocessable Content",
    Ending.UNAUTHORIZED: b"401 Unauthorized",
    Ending.DEFERRED: b"503 Service Unavailable",
}

_KEPT = {ending: ending.value for ending in (Ending.PUBLISHED, Ending.DUPLICATE, Ending.SPOOLED)}


class _Durable(Struct, gc=False):
    """What is told of an event that is kept: keys in the order in which they are written."""

    outcome: str
    event_id: str
    event_type: str
    topic: str


class Answer(Struct, frozen=True, gc=False):
    """A response without what depends on the connection: its date, and whether the connection goes on."""

    status: bytes
    body: bytes
    headers: bytes = b""
    bodiless: bool = False
    refusal: str = ""
    closes: bool = False
    unauthorized: str = ""


def _refusal(reason: str, status: bytes, error: str, headers: bytes = b"") -> Answer:
    # After these two nobody knows where the next request begins.
    closes = reason in ("not_http", "header_too_large")
    return Answer(status, json.encode({"error": error}), headers, refusal=reason, closes=closes)


METHOD = _refusal("method", b"405 Method Not Allowed", "only POST is taken here", b"Allow: POST\r\n")
METHOD_HEAD = Answer(METHOD.status, METHOD.body, METHOD.headers, bodiless=True, refusal=METHOD.refusal)
NOT_FOUND = {
    reason: _refusal(reason, b"404 Not Found", "no such callback address") for reason in get_args(Unknown)
}
"""By why; the same bytes for all."""
TOO_LARGE = _refusal("too_large", b"413 Content Too Large", "the body is too large")
NO_ROOM = Answer(
    _STATUS[Ending.DEFERRED],
    json.encode({"outcome": Ending.DEFERRED, "detail": "no room for another body"}),
    _RETRY_AFTER,
    refusal="busy",
)
# After a bug in the work on a request: nobody knows whether anything durable was reached.
INTERNAL_ERROR = Answer(
    _STATUS[Ending.DEFERRED],
    json.encode({"outcome": Ending.DEFERRED, "detail": "a bug of the bridge; see its log"}),
    _RETRY_AFTER,
    closes=True,
)
NOT_HTTP = _refusal("not_http", b"400 Bad Request", "this is no HTTP request")
HEADER_TOO_LARGE = _refusal(
    "header_too_large", b"431 Request Header Fields Too Large", "the request's header is too large"
)


def answer_of(outcome: Outcome) -> Answer:
    """Turn an ending into its answer."""
    ending = outcome.ending
    if ending in _KEPT:
        kept = _Durable(_KEPT[ending], outcome.event_id, outcome.event_type, outcome.topic)
        return Answer(_STATUS[ending], json.encode(kept))
    told: dict[str, str] = {"outcome": ending.value}
    if ending in (Ending.REJECTED, Ending.UNAUTHORIZED):
        told["reason"] = outcome.reason
        if ending is Ending.REJECTED:
            told["detail"] = outcome.detail
            return Answer(_STATUS[ending], json.encode(told))
        return Answer(_STATUS[ending], json.encode(told), unauthorized=outcome.reason)
    told["detail"] = outcome.detail
    return Answer(_STATUS[ending], json.encode(told), _RETRY_AFTER)


def rendered(answer: Answer, date: bytes, connection: bytes) -> bytes:
    """Write an answer out. ``connection`` is empty, or the value of a Connection header."""
    return (
        b"HTTP/1.1 %b\r\n%bContent-Type: application/json\r\nContent-Length: %d\r\nDate: %b\r\n%b\r\n%b"
        % (
            answer.status,
            answer.headers,
            len(answer.body),
            date,
            b"Connection: %b\r\n" % connection if connection else b"",
            b"" if answer.bodiless else answer.body,
        )
    )


def date_of(unix_s: int) -> bytes:
    """Write a time as a Date header has it."""
    return formatdate(unix_s, usegmt=True).encode()
