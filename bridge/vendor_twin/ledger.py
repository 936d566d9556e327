"""What the fake vendor remembers for audits: every call, every event, and how old each handle came back."""

from collections import Counter

from msgspec import Struct


class Call(Struct, frozen=True, kw_only=True):
    """One call; ``outcome`` is "ok", "empty", an error's code, or "ok, but ..." where a fault spoilt it."""

    at_s: float
    action: str
    handles: tuple[str, ...]
    outcome: str


class Event(Struct, kw_only=True, eq=False):
    """One event that was put: when it was given away and confirmed, by the fake's clock.

    ``age_s`` is its handle's age when it was confirmed, counted from when the vendor gave the handle away.
    """

    number: int
    body: bytes
    spliced: bool
    pulled_s: list[float]
    confirmed_s: float | None = None
    age_s: float | None = None


class Ledger:
    """Written by the fake, read by the test."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.events: list[Event] = []
        self.stale = 0  # handles that came back after their lease, or for an event confirmed already

    @property
    def confirmed(self) -> list[Event]:
        """Those that will not come back."""
        return [event for event in self.events if event.confirmed_s is not None]

    @property
    def unconfirmed(self) -> list[Event]:
        """Those that will."""
        return [event for event in self.events if event.confirmed_s is None]

    @property
    def largest_group(self) -> int:
        """The most handles in one call."""
        return max((len(call.handles) for call in self.calls), default=0)

    @property
    def oldest_s(self) -> float:
        """The greatest age of a handle that confirmed something."""
        return max((event.age_s or 0.0 for event in self.events), default=0.0)

    def outcomes(self, action: str) -> Counter[str]:
        """Count how the calls of ``action`` ended."""
        return Counter(call.outcome for call in self.calls if call.action == action)

    def add(self, body: bytes, *, spliced: bool) -> Event:
        """Note an event that waits from now on."""
        event = Event(number=len(self.events), body=body, spliced=spliced, pulled_s=[])
        self.events.append(event)
        return event
