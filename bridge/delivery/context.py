"""The state of one delivery while it is processed. Nothing is decided here."""

from msgspec import UNSET, Raw, Struct
from msgspec.structs import replace

from bridge.core.event import DecodedEvent, Notification
from bridge.delivery.retry_order import Retry


class Rejection(Struct, frozen=True):
    """Why a body goes to the dead-letter topic: a `Reason`, and a text for a person."""

    reason: str
    detail: str


class NotDurable(Struct, frozen=True):
    """The end of a delivery of which nothing is durable, and for which nothing more is tried."""

    detail: str


class DeliveryContext(Struct, eq=False):
    """One delivery while it is processed. Each field is written in one place of `pipeline`.

    ================ ==================================================================================
    at receipt       ``notification``; ``size``: bytes it holds; ``received_at``, ``deadline``: monotonic s
    decoding         ``event``
    each attempt     ``number``: the order of receipt, 0 before the first claim; ``ack_s``: seconds from
                     send to Kafka's acknowledgement
    a failed attempt ``backoff_s``: the next pause; ``rejection``, if it goes to the dead letters now
    retry, encoding  ``retry``: its entry in `RetryOrder`; ``is_over``: nothing is tried any more
    ================ ==================================================================================
    """

    notification: Notification
    size: int
    received_at: float
    deadline: float
    backoff_s: float
    event: DecodedEvent | None = None
    rejection: Rejection | None = None
    ack_s: float | None = None
    number: int = 0
    retry: Retry | None = None
    is_over: bool = False

    def next_backoff(self) -> float:
        """Return the next pause in seconds before a retry: each twice the one before."""
        pause, self.backoff_s = self.backoff_s, self.backoff_s * 2
        return pause

    def free_body(self) -> None:
        """Let the body go, and with it what was decoded from it, which are views of its bytes."""
        self.notification = replace(self.notification, body=b"", received=b"")
        if self.event is not None:
            self.event = replace(self.event, payload=Raw(), original=UNSET)
