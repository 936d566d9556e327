"""The state of one delivery while it is processed. Nothing is decided here."""

from math import inf

from msgspec import Struct

from bridge.core.event import DecodedEvent, Notification
from bridge.delivery.retry_order import Retry


class DeliveryContext(Struct, eq=False):
    """One delivery while it is processed. ``received_at`` and ``deadline`` are monotonic seconds.

    ``size``: bytes it holds. ``rejection``: reason and detail, empty if it is not rejected. ``ack_s``:
    seconds from send to acknowledgement. ``number``: the order of receipt, 0 before its first claim.
    ``retry``: its entry in `RetryOrder` while it is retried.
    """

    notification: Notification
    size: int
    received_at: float
    deadline: float
    backoff_s: float
    event: DecodedEvent | None = None
    rejection: tuple[str, str] = ("", "")
    ack_s: float | None = None
    number: int = 0
    retry: Retry | None = None

    @property
    def has_stopped_retrying(self) -> bool:
        """Whether nothing is tried again."""
        return self.backoff_s == inf

    def next_backoff(self) -> float:
        """Return the next pause in seconds before a retry: each twice the one before."""
        pause, self.backoff_s = self.backoff_s, self.backoff_s * 2
        return pause

    def stop_retrying(self) -> None:
        """Do not retry any more: the time is over, or the body cannot be held any longer."""
        self.backoff_s = inf
