"""What the twin records for audits: every call, event and push, and how old each handle came back."""

from collections import Counter

from msgspec import Struct


class Call(Struct, frozen=True, kw_only=True):
    """One call; ``outcome`` is "ok", "empty", an error's code, or "ok, but ..." where a fault spoilt it."""

    at_s: float
    action: str
    handles: tuple[str, ...]
    outcome: str


class Event(Struct, kw_only=True, eq=False):
    """One event that was put: when it was handed out and confirmed, by the twin's clock.

    ``age_s`` is its handle's age when it was confirmed, counted from when the handle was handed out.
    """

    number: int
    body: bytes
    spliced: bool
    pulled_s: list[float]
    confirmed_s: float | None = None
    age_s: float | None = None


class Push(Struct, kw_only=True, eq=False):
    """One notification that is pushed: how each send ended, a status or why there was none.

    ``is_lost``: all sends are over, and none was answered.
    """

    body: bytes
    sends: list[str]
    is_answered: bool = False
    is_lost: bool = False


class Ledger:
    """Written by the twin."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.events: list[Event] = []
        self.pushes: list[Push] = []
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
        """Record an event that waits from now on."""
        event = Event(number=len(self.events), body=body, spliced=spliced, pulled_s=[])
        self.events.append(event)
        return event
