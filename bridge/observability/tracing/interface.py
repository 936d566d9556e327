"""What is put around the parts where spans are wanted, and nothing where they are not.

Nothing here loads OpenTelemetry: `spans` and `exporting` do, and they are loaded where the setting is on. The
parts know nothing of it; they are wrapped when they are tied together.
"""

from collections.abc import Callable
from contextvars import Context
from typing import Protocol

from bridge.aio.promise import Promise
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryResult
from bridge.delivery.ports import DedupStore, RecordWriter

Deliver = Callable[[Notification], Promise[DeliveryResult]]


class DeliverInContext(Protocol):
    """What takes a delivery to its ending, in the context that it is given."""

    def __call__(
        self, notification: Notification, context: Context | None = None, /
    ) -> Promise[DeliveryResult]:
        """Begin."""


class Tracing(Protocol):
    """What wraps the parts of a delivery's way. ``stop`` takes at most so many seconds and never raises."""

    def deliver(self, deliver: DeliverInContext) -> Deliver:
        """Wrap what takes a delivery to its ending."""

    def dedup(self, dedup: DedupStore) -> DedupStore:
        """Wrap what remembers occurrences."""

    def writer(self, writer: RecordWriter) -> RecordWriter:
        """Wrap what makes records durable."""

    async def stop(self, seconds: float) -> None:
        """Hand over what is left."""


class NoopTracing:
    """Gives every part back as it is."""

    def deliver(self, deliver: DeliverInContext) -> Deliver:
        """Give it back."""
        return deliver

    def dedup(self, dedup: DedupStore) -> DedupStore:
        """Give it back."""
        return dedup

    def writer(self, writer: RecordWriter) -> RecordWriter:
        """Give it back."""
        return writer

    async def stop(self, _seconds: float) -> None:
        """End what never began."""
