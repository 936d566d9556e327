"""What a worker answers its supervisor about itself, while somebody looks at the console.

Paced as the console itself is: however often it is asked, it takes at most a tenth of the event loop.
"""

import msgspec
from msgspec import Struct

from bridge.console.pacing import Pacer
from bridge.console.state import ProcessView
from bridge.console.view import OwnDeliveries
from bridge.observability.recent_deliveries import DeliveryFilter, DeliverySummary

REPORT, DELIVERIES = "report", "deliveries"
_WAIT_MAX_S = 0.9  # the supervisor does not wait longer


class DeliveriesQuery(Struct, frozen=True):
    """Which deliveries of a process are asked for."""

    after: int
    wanted: DeliveryFilter | None
    limit: int


class WorkerDeliveries(Struct, frozen=True):
    """Deliveries of one worker, the oldest first."""

    summaries: list[DeliverySummary]
    last_number: int
    left_out: int


class WorkerAnswers:
    """Answers from what one process has in memory."""

    def __init__(self, process: ProcessView, pacer: Pacer | None = None) -> None:
        self._process = process
        self._pacer = pacer or Pacer(wait_max_s=_WAIT_MAX_S)

    async def answer(self, kind: str, args: bytes) -> bytes:
        """Return an answer as MessagePack; empty where too much was asked lately."""
        return await self._pacer.charge(self._answer(kind, args))

    async def _answer(self, kind: str, args: bytes) -> bytes:
        if not await self._pacer.wait():
            return b""
        if kind == REPORT:
            return msgspec.msgpack.encode(self._process.process_report())
        query = msgspec.msgpack.decode(args, type=DeliveriesQuery)
        found: OwnDeliveries = await self._process.deliveries({"": query.after}, query.wanted, query.limit)
        return msgspec.msgpack.encode(WorkerDeliveries([*found.summaries], found.numbers[""], found.left_out))
