"""What is known of one delivery while it is in work. Nothing is decided here."""

from math import inf

from msgspec import Struct

from bridge.core.event import Event, Notification


class DeliveryContext(Struct, eq=False):
    """One delivery while it is in our hands, and what is told of it at its end. Times are monotonic."""

    notification: Notification
    size: int
    arrived: float
    deadline: float
    pause: float
    event: Event | None = None
    refusal: tuple[str, str] = ("", "")
    acked_s: float | None = None

    def rest(self) -> float:
        """Take the next pause before trying again: each twice the one before."""
        pause, self.pause = self.pause, self.pause * 2
        return pause

    def give_up(self) -> None:
        """Try no more: the time is over, or there is no room to hold the body any longer."""
        self.pause = inf
