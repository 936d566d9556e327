"""What moves through the bridge: a notification as it came, an event as understood, a record as it is kept.

Plain frozen values. How one becomes the next is told in `codec` and `record`.
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
    """One delivery as a door took it.

    ``body`` is decompressed where that was possible: then ``received`` is what came, where that is shorter.
    ``content_encoding`` is the one in which ``received``, or else ``body``, is; empty for none.
    ``received_ms`` is unix milliseconds; ``query_sign`` and ``query_t`` are what the URL carried (empty:
    nothing). ``damage`` says why the bytes cannot be a notification where the door already knows it (broken
    gzip): they are rejected as malformed. ``traceparent`` and ``tracestate`` are the request's, as received,
    where spans are wanted.
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
        """How many bytes it holds, at most: the body, and the body as it came."""
        return len(self.body) + len(self.received)


class Failure(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One thing that went wrong at the vendor. ``path`` is empty for the payload's own."""

    path: str | UnsetType = UNSET
    code: int | str | UnsetType = UNSET
    code_ext: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


class Identity(Struct, frozen=True, gc=False):
    """When two deliveries are the same event.

    ``key`` is the event's id without ``@<ms>``; ``digest`` is 16 hex digits over the delivered content;
    a ``recurring`` event is remembered for a minute only and its id carries ``@<ms>``; of the keys that
    share a ``latest_of`` only a repeat of the latest one is a duplicate.
    """

    key: str
    digest: str
    recurring: bool = False
    latest_state_group: str = ""


class Event(Struct, frozen=True, gc=False):
    """A notification understood: all of the canonical event that the bytes alone decide.

    ``known`` tells whether the catalogue has a row for ``type``. Empty texts are absent. ``failures`` holds
    at most 100, ``failures_more`` counts the rest; the same for ``repairs``. ``payload`` is JSON text in the
    3.0 shape; ``original`` is the delivered body as JSON text without Sign, T and EventHandle, or UNSET.
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
    failures: Sequence[Failure] = ()
    failures_more: int = 0
    session_id: str = ""
    session_context: str = ""
    conformance: Conformance = "conforming"
    repairs: Sequence[str] = ()
    repairs_more: int = 0
    original: Raw | UnsetType = UNSET


class DedupStamp(Struct, frozen=True, gc=False):
    """What the memory adds to an event: its id, and whether it was checked for having been seen."""

    id: str
    deduplicated: bool = True
    revision: bool = False


class Record(Struct, frozen=True, gc=False):
    """What is written to Kafka. ``key`` decides the partition, as Java's default partitioner would."""

    topic: str
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
