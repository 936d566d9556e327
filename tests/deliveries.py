"""Deliveries for the tests of the pipeline, on a fake dedup store and a fake writer."""

import asyncio
from typing import Self

import msgspec

from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryResult
from bridge.core.record import Routing
from bridge.delivery.hold import HoldPolicy
from bridge.delivery.pipeline import Pipeline
from bridge.observability.telemetry import Telemetry
from tests.contracts import Clock
from tests.fakes import FakeDedupStore, FakeWriter

POLICY = HoldPolicy(
    hold_s=0.3, slow_after_s=0.05, initial_backoff_s=0.02, lease_renew_s=0.02, indeterminate_ttl_s=5
)
APP = Application(name="shop")


class Rig:
    """A pipeline and its two fakes."""

    def __init__(self, policy: HoldPolicy = POLICY) -> None:
        self.clock = Clock()
        self.dedup = FakeDedupStore(self.clock)
        self.writer = FakeWriter()
        self.telemetry = Telemetry()
        self.pipeline = Pipeline(self.dedup, self.writer, Routing(), self.telemetry, policy)

    async def __aenter__(self) -> Self:
        self.pipeline.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pipeline.stop(0.1)

    def deliver(self, body: bytes, **changes: object) -> "asyncio.Task[DeliveryResult]":
        """Deliver ``body`` now."""
        notification = Notification(application=APP, body=body, received_ms=self.clock())
        return asyncio.ensure_future(self.pipeline.deliver(msgspec.structs.replace(notification, **changes)))

    def values(self) -> list[dict[str, object]]:
        """Read what stands in Kafka."""
        return [msgspec.json.decode(record.value) for record in self.writer.records]


def edited(task: str = "t1", message: str = "SUCCESS") -> bytes:
    payload = {"TaskId": task, "Status": "FINISH", "ErrCode": 0, "Message": message}
    return msgspec.json.encode({"EventType": "EditMediaComplete", "EditMediaCompleteEvent": payload})


def deleted() -> bytes:
    return b'{"EventType":"FileDeleted","FileDeleteEvent":{"FileIdSet":["f1"]}}'


def cast(status: str) -> bytes:
    payload = {"CastId": "c", "Status": status}
    return msgspec.json.encode(
        {"EventType": "MediaCastStatusChanged", "MediaCastStatusChangedEvent": payload}
    )
