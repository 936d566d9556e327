"""What is known of one delivery while it is in work. Nothing is decided here."""

from math import inf

from msgspec import Struct

from bridge.core.event import Event, Notification
from bridge.delivery.retry_order import Retry


class DeliveryContext(Struct, eq=False):
    """One delivery while it is in our hands, and what is told of it at its end. Times are monotonic.

    ``number``: the order of receipt; ``retry`` keeps its place among those of its key.
    """

    notification: Notification
    size: int
    received_at: float
    deadline: float
    backoff_s: float
    event: Event | None = None
    rejection: tuple[str, str] = ("", "")
    ack_s: float | None = None
    number: int = 0
    retry: Retry | None = None

    @property
    def has_stopped_retrying(self) -> bool:
        """Whether nothing is tried again."""
        return self.backoff_s == inf

    def next_backoff(self) -> float:
        """Take the next pause before trying again: each twice the one before."""
        pause, self.backoff_s = self.backoff_s, self.backoff_s * 2
        return pause

    def stop_retrying(self) -> None:
        """Try no more: the time is over, or there is no room to hold the body any longer."""
        self.backoff_s = inf
