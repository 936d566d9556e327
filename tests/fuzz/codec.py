"""Any body gives an event or `Rejected`; the short way sees what the long one does; an id is plain text."""

import re

from bridge.core.application import Application
from bridge.core.decode import v3
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DecodedEvent, Notification
from bridge.core.explanation import explain
from bridge.core.outcome import RejectedError
from bridge.core.printable import printable
from bridge.core.record import Routing

_ROUTING = Routing()
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_APP = Application(name="fuzz")


def check(body: bytes) -> None:
    """Read a body in every way; an AssertionError, or any other error, is a finding."""
    short = _read(body)
    read_plain = v3.decode_fast
    v3.decode_fast = lambda body: None  # noqa: ARG005 - put back below
    try:
        long = _read(body)
    finally:
        v3.decode_fast = read_plain
    assert _comparable(short) == _comparable(long), "the short way sees another event than the long way"
    if isinstance(short, DecodedEvent):
        key = short.identity.key
        assert key, "an event without an id"
        assert not _CONTROL.search(key), "an id with a control character"
    else:
        assert printable(short.detail) == short.detail, "a detail with a control character"
    explained = explain(Notification(application=_APP, body=body, received_ms=0), _ROUTING, 12)
    assert (explained.delivery_outcome == "published") is isinstance(short, DecodedEvent)


def _read(body: bytes) -> DecodedEvent | RejectedError:
    try:
        return read_event(open_envelope(body))
    except RejectedError as rejected:
        return rejected


def _comparable(read: DecodedEvent | RejectedError) -> DecodedEvent | str:
    return read if isinstance(read, DecodedEvent) else f"{read.reason} {read.detail}"
