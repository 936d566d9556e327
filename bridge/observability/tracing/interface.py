"""The tracing interface, and its no-op implementation for when tracing is off.

Nothing here imports OpenTelemetry: `spans` and `exporter` do, and are imported only with the setting on. The
parts do not know about tracing; `bridge.app` wraps them when it connects them.
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
    """Delivers a notification; runs in ``context`` where one is given."""

    def __call__(
        self, notification: Notification, context: Context | None = None, /
    ) -> Promise[DeliveryResult]:
        """Start the delivery; the promise resolves to its result."""


class Tracing(Protocol):
    """Wraps the parts that handle a delivery, to trace them."""

    def deliver(self, deliver: DeliverInContext) -> Deliver:
        """Return ``deliver``, traced."""

    def dedup(self, dedup: DedupStore) -> DedupStore:
        """Return ``dedup``, traced."""

    def writer(self, writer: RecordWriter) -> RecordWriter:
        """Return ``writer``, traced."""

    async def stop(self, seconds: float) -> None:
        """Export the pending spans, for at most ``seconds``. Never raises."""


class NoopTracing:
    """Returns every part unchanged."""

    def deliver(self, deliver: DeliverInContext) -> Deliver:
        """Return it unchanged."""
        return deliver

    def dedup(self, dedup: DedupStore) -> DedupStore:
        """Return it unchanged."""
        return dedup

    def writer(self, writer: RecordWriter) -> RecordWriter:
        """Return it unchanged."""
        return writer

    async def stop(self, _seconds: float) -> None:
        """Do nothing."""
