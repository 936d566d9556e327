"""Decodes a notification, its signature before its payload (vod-domain §5)."""

from bridge.core.decode.envelope import Envelope, open_envelope, read_event
from bridge.core.decode.exact_json import CONTAINER_COUNT_MIN_BYTES, has_many_containers
from bridge.core.event import DecodedEvent, Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult, Reason, RejectedError
from bridge.core.pieces import LARGE_BYTES
from bridge.core.signature import NO_SIGNATURE, check_signature, read_signature_params


def read_authorized(notification: Notification, size: int) -> DecodedEvent | DeliveryResult:
    """Return the event of a notification of ``size`` bytes, or its result where it is unauthorized.

    The result's ``reason`` is one of `core.signature.check_signature`. Raises `RejectedError` where it is no
    event.
    """
    if notification.application.sign_keys:
        return _read_signed(notification, size)
    if notification.decode_error:
        raise RejectedError(Reason.MALFORMED, notification.decode_error)
    return read_event(open_envelope(notification.body))


def is_slow_to_decode(body: bytes) -> bool:
    """Whether decoding a body may take so long that it should not run on the event loop."""
    return len(body) > LARGE_BYTES or has_many_containers(body)


def _read_signed(notification: Notification, size: int) -> DecodedEvent | DeliveryResult:
    """Decode for an application with sign keys: no payload is decoded before its signature is valid.

    A small body is split into its members once; of a large one only the signature is read first.
    """
    application, now_s = notification.application, notification.received_ms // 1000
    query_signature = (notification.query_sign, notification.query_t)
    envelope: Envelope | None = None
    try:
        if size <= CONTAINER_COUNT_MIN_BYTES or notification.decode_error:
            envelope = _open_envelope(notification, try_fast_path=False)
            body_signature = envelope.sign, envelope.t
        else:
            body_signature = read_signature_params(notification.body)
        unauthorized = check_signature(application, body_signature, query_signature, now_s)
        if envelope is None and not (
            unauthorized and check_signature(application, NO_SIGNATURE, query_signature, now_s)
        ):
            envelope = _open_envelope(notification, try_fast_path=not any(body_signature))
    except RejectedError:
        # Nobody may fill the dead-letter topic of an application that asks for signatures, and what
        # cannot be decoded has no proof.
        unauthorized = check_signature(application, NO_SIGNATURE, query_signature, now_s)
        if unauthorized:
            return DeliveryResult(DeliveryOutcome.UNAUTHORIZED, reason=unauthorized)
        raise
    if unauthorized or envelope is None:
        return DeliveryResult(DeliveryOutcome.UNAUTHORIZED, reason=unauthorized or "")
    return read_event(envelope)


def _open_envelope(notification: Notification, *, try_fast_path: bool) -> Envelope:
    if notification.decode_error:
        raise RejectedError(Reason.MALFORMED, notification.decode_error)
    return open_envelope(notification.body, try_fast_path=try_fast_path)
