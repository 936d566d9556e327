"""What is put around the parts where spans are wanted, and nothing where they are not.

Nothing here loads OpenTelemetry: `spans` and `exporting` do, and they are loaded where the setting is on. The
parts know nothing of it; they are wrapped when they are tied together.
"""

from collections.abc import Callable
from contextvars import Context
from typing import Protocol

from bridge.core.event import Notification
from bridge.core.outcome import Outcome
from bridge.journeys import Memory
from bridge.pipeline import Writer
from bridge.telling import Told

Deliver = Callable[[Notification], Told[Outcome]]


class DeliverIn(Protocol):
    """What takes a delivery to its ending, in the context that it is given."""

    def __call__(self, notification: Notification, context: Context | None = None, /) -> Told[Outcome]:
        """Begin."""


class Traces(Protocol):
    """What wraps the parts of a delivery's way. ``stop`` takes at most so many seconds and never raises."""

    def deliver(self, deliver: DeliverIn) -> Deliver:
        """Wrap what takes a delivery to its ending."""

    def memory(self, memory: Memory) -> Memory:
        """Wrap what remembers occurrences."""

    def writer(self, writer: Writer) -> Writer:
        """Wrap what makes records durable."""

    async def stop(self, seconds: float) -> None:
        """Hand over what is left."""


class Untraced:
    """Gives every part back as it is."""

    def deliver(self, deliver: DeliverIn) -> Deliver:
        """Give it back."""
        return deliver

    def memory(self, memory: Memory) -> Memory:
        """Give it back."""
        return memory

    def writer(self, writer: Writer) -> Writer:
        """Give it back."""
        return writer

    async def stop(self, _seconds: float) -> None:
        """End what never began."""
