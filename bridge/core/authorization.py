"""From a notification to its event, where its sender may publish: the signature before the payload (§5)."""

from bridge.core.codec import Envelope, open_envelope, read_event
from bridge.core.decoding import UNCOUNTED_BYTES, has_many_containers
from bridge.core.event import Event, Notification
from bridge.core.outcome import Reason, Rejected
from bridge.core.signature import NO_PROOF, proof_in, verdict

_LONG_BYTES = 256 * 1024


def read_authorized(notification: Notification, size: int) -> tuple[Event | None, str]:
    """Give the event of a notification of ``size`` bytes; or None, and why its sender may not publish.

    Raises `Rejected` where it is no event.
    """
    if notification.application.sign_keys:
        return _read_signed(notification, size)
    return read_event(_open(notification)), ""


def takes_long(body: bytes) -> bool:
    """Tell whether reading a body may take so long that others should be served meanwhile."""
    return len(body) > _LONG_BYTES or has_many_containers(body)


def _read_signed(notification: Notification, size: int) -> tuple[Event | None, str]:
    """Read for an application with keys: no payload is decoded whose sender proves nothing.

    The members of a small body are told apart once; of a large one no more is read than its proof.
    """
    application, now_s = notification.application, notification.received_ms // 1000
    asked = (notification.query_sign, notification.query_t)
    envelope: Envelope | None = None
    try:
        if size <= UNCOUNTED_BYTES or notification.damage:
            envelope = _open(notification, may_be_plain=False)
            given = envelope.sign, envelope.t
        else:
            given = proof_in(notification.body)
        unauthorized = verdict(application, given, asked, now_s)
        if envelope is None and not (unauthorized and verdict(application, NO_PROOF, asked, now_s)):
            envelope = _open(notification, may_be_plain=not any(given))
    except Rejected:
        # Nobody may fill the dead-letter topic of an application that asks for signatures, and what
        # cannot be decoded has no proof.
        unauthorized = verdict(application, NO_PROOF, asked, now_s)
        if unauthorized:
            return None, unauthorized
        raise
    if unauthorized or envelope is None:
        return None, unauthorized or ""
    return read_event(envelope), ""


def _open(notification: Notification, *, may_be_plain: bool = True) -> Envelope:
    if notification.damage:
        raise Rejected(Reason.MALFORMED, notification.damage)
    return open_envelope(notification.body, may_be_plain=may_be_plain)
