"""Those who post: one post with its time taken, the vendor's habit of sending again, and a load of many."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

import aiohttp
from msgspec import Struct

from tests.end_to_end.notifications import edited, new_task
from tests.rig.program import Program

T = TypeVar("T")

VENDOR_WAITS_S = 5.0
VENDOR_SENDS = 3
# How long a delivery that could not be made durable is not answered.
HOLD_S = 6.0
# A longer one, for what is to be published while it is held: that may take seconds on a busy machine.
LONG_HOLD_S = 12.0
LONG_HOLD_SETTINGS = {"BRIDGE_HTTP__HOLD_S": str(LONG_HOLD_S)}
# 4 s are promised, 6 s where a delivery was held. A machine that is busy with much else gets more; what waits
# for a Kafka or a Redis that stays down waits for longer than this.
ANSWERED_WITHIN_S = 15.0
ANSWERED_AFTER_LONG_HOLD_S = LONG_HOLD_S + ANSWERED_WITHIN_S - HOLD_S
# The same, for a program in which deliveries shall wait in the producer for as long as a test needs.
SLOW_BREAKER_SETTINGS = {"BRIDGE_KAFKA__SLOW_AFTER_S": "50", "BRIDGE_HTTP__HOLD_S": "60"}


class SendResult(Struct, frozen=True, kw_only=True):
    """One send and its response. ``status`` is 0 where no answer came (in time); times monotonic."""

    task: str
    started_at: float
    ended_at: float
    status: int = 0
    outcome: str = ""
    connection_close: bool = False

    @property
    def seconds(self) -> float:
        """How long the sender waited."""
        return self.ended_at - self.started_at

    @property
    def is_durable(self) -> bool:
        """Whether the answer promised that the event is durable."""
        return 200 <= self.status < 300


async def send(
    program: Program, task: str, *, timeout_s: float = 60.0, path: str = "/callbacks"
) -> SendResult:
    """Post the end of an edit once. A broken connection and silence are no answer."""
    begun = time.monotonic()
    try:
        answer = await asyncio.wait_for(program.post(edited(task), path), timeout_s)
    except (aiohttp.ClientError, TimeoutError):
        return SendResult(task=task, started_at=begun, ended_at=time.monotonic())
    return SendResult(
        task=task,
        started_at=begun,
        ended_at=time.monotonic(),
        status=answer.status,
        outcome=answer.json.get("outcome", ""),
        connection_close=answer.headers.get("connection", "") == "close",
    )


async def send_as_the_vendor(program: Program, task: str) -> list[SendResult]:
    """Post as the vendor does: 5 s without an answer, and it sends again, three times in all."""
    sends: list[SendResult] = []
    while len(sends) < VENDOR_SENDS and not (sends and sends[-1].status):
        sends.append(await send(program, task, timeout_s=VENDOR_WAITS_S))
    return sends


async def run_load(
    tasks: Iterable[str], one: Callable[[str], Awaitable[T]], *, at_once: int, results: list[T] | None = None
) -> list[T]:
    """Let ``at_once`` senders work through ``tasks``; ``results`` fills up while they do."""
    collected = [] if results is None else results
    rest = iter(tasks)

    async def work() -> None:
        for task in rest:
            collected.append(await one(task))

    await asyncio.gather(*(work() for _ in range(at_once)))
    return collected


def tasks_until(stop: asyncio.Event) -> Iterator[str]:
    """Give new tasks until ``enough`` is set."""
    while not stop.is_set():
        yield new_task()
