"""The values that pass through the bridge: notification (as delivered), event (decoded), record (for Kafka).

Plain frozen structs. `core.decode.envelope` turns a notification into an event, `core.record` that into a
record.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from bridge.core.application import Application

Format = Literal["v3", "legacy"]
DeliveryMode = Literal["push", "pull", "replay", "audit"]
EventOutcome = Literal["succeeded", "failed", "partial", "in_progress", "unknown"]
Conformance = Literal["conforming", "repaired", "nonconforming"]


class Notification(Struct, frozen=True, gc=False, kw_only=True):
    """One delivery as received, from the HTTP ingress, a pull queue, or a replay.

    ``body`` is the body, decompressed where that was possible; ``received`` the compressed bytes, kept where
    they are shorter. ``content_encoding`` is the coding of ``received``, or of ``body`` where that is empty;
    empty for none. ``received_ms`` is in unix milliseconds. ``query_sign`` and ``query_t`` are the signature
    parameters of the URL, empty where absent. ``decode_error`` is set where decompression failed: the
    delivery is rejected as malformed. ``traceparent`` and ``tracestate`` are the request's headers, set only
    with tracing on.
    """

    application: Application
    body: bytes
    received_ms: int
    mode: DeliveryMode = "push"
    content_type: str = ""
    query_sign: str = ""
    query_t: str = ""
    decode_error: str = ""
    traceparent: str = ""
    tracestate: str = ""
    content_encoding: str = ""
    received: bytes = b""

    @property
    def size(self) -> int:
        """Bytes that it holds at most: ``body`` and ``received``."""
        return len(self.body) + len(self.received)


class FailedResult(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One failed result in a payload. ``path`` is where it stands, empty for the payload's own code."""

    path: str | UnsetType = UNSET
    code: int | str | UnsetType = UNSET
    code_ext: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


class Identity(Struct, frozen=True, gc=False):
    """What deduplication compares: two deliveries with equal keys are the same event.

    ``key`` is the event's id without ``@<ms>``; ``digest`` is 16 hex digits over the delivered content. A
    ``recurring`` event is deduplicated for a minute only and its id ends in ``@<ms>``. Of keys with the same
    ``latest_state_group`` only a repeat of the latest one is a duplicate.
    """

    key: str
    digest: str
    recurring: bool = False
    latest_state_group: str = ""


class DecodedEvent(Struct, frozen=True, gc=False):
    """A decoded notification: every part of the canonical event that follows from the bytes alone.

    ``known``: the catalogue has a row for ``type``. Empty texts mean absent. ``failures`` and ``repairs``
    hold at most 100 each; ``failures_more`` and ``repairs_more`` count the rest. ``payload`` is JSON text in
    the shape of format 3.0; ``original`` is the delivered body as JSON text without Sign, T and EventHandle,
    or UNSET where the payload holds all of it.
    """

    type: str
    known: bool
    format: Format
    identity: Identity
    outcome: EventOutcome
    payload: Raw
    task_id: str = ""
    file_id: str = ""
    cast_id: str = ""
    status: str = ""
    failures: Sequence[FailedResult] = ()
    failures_more: int = 0
    session_id: str = ""
    session_context: str = ""
    conformance: Conformance = "conforming"
    repairs: Sequence[str] = ()
    repairs_more: int = 0
    original: Raw | UnsetType = UNSET


class DedupStamp(Struct, frozen=True, gc=False):
    """What deduplication adds to an event: its final id, and whether the dedup store was consulted."""

    id: str
    deduplicated: bool = True
    revision: bool = False


class Record(Struct, frozen=True, gc=False):
    """A Kafka record. ``key`` selects the partition as in Java's default partitioner (`core.partition`)."""

    topic: str
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
