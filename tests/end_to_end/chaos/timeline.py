"""The run as it happens, one line a second: answers by outcome, spool depth, records in Kafka, faults."""

import asyncio
import contextlib
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from tests.end_to_end.chaos.deployment import Deployment
from tests.end_to_end.chaos.ledger import Send

SAMPLE_EVERY_S = 0.5
COUNT_WITHIN_S = 2.0
OUTCOMES = ("published", "spooled", "duplicate", "rejected", "deferred", "none")


class Second(Struct, frozen=True, kw_only=True):
    """One line."""

    at: int
    answers: dict[str, int]
    under_way: int
    spooled: int
    records: int
    going_on: str
    notes: list[str]


class Timeline:
    """Samples the deployment and writes a line a second. ``under_way`` is the vendor's number."""

    def __init__(self, deployment: Deployment, under_way: Callable[[], int], *, quiet: bool = False) -> None:
        self.seconds: list[Second] = []
        self.fault = ""
        self._deployment = deployment
        self._under_way = under_way
        self._quiet = quiet
        self._records = 0
        self._reported = 0

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep it while the run goes on."""
        tasks = [asyncio.create_task(self._count()), asyncio.create_task(self._keep())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self) -> None:
        begun = time.monotonic()
        self._reported = len(self._deployment.ledger.sends)
        if not self._quiet:
            sys.stdout.write("     s |" + "".join(f"{word:>10}" for word in OUTCOMES))
            sys.stdout.write("  waiting |  spooled   in kafka | going on\n")
        while True:
            await self._deployment.watch()
            now = time.monotonic() - begun
            if now >= len(self.seconds) + 1:
                self._write(int(now))
            await asyncio.sleep(max(0.0, SAMPLE_EVERY_S - (time.monotonic() - begun) % SAMPLE_EVERY_S))

    def _write(self, at: int) -> None:
        sends = self._deployment.ledger.sends
        answers = Counter(_word(send) for send in sends[self._reported :])
        self._reported = len(sends)
        notes, self._deployment.notes = self._deployment.notes, []
        now = time.time()
        causes = {mark.cause for mark in self._deployment.ledger.marks if mark.covers(now, after_s=1.0)}
        line = Second(
            at=at,
            answers=dict(answers),
            under_way=self._under_way(),
            spooled=self._deployment.spooled,
            records=self._records,
            going_on=", ".join(filter(None, [self.fault, *sorted(causes)])),
            notes=notes,
        )
        self.seconds.append(line)
        if not self._quiet:
            cells = "".join(f"{answers[word] or '·':>10}" for word in OUTCOMES)
            sys.stdout.write(f"{at:6} |{cells}{line.under_way:9} |{line.spooled:9,}{line.records:11,} | ")
            sys.stdout.write(f"{line.going_on}{''.join(f' [{note}]' for note in notes)}\n")
            sys.stdout.flush()

    async def _count(self) -> None:
        """Ask Kafka for its end offsets each second; what is not answered in time stays as it was."""
        environment = self._deployment.environment
        consumer = AIOKafkaConsumer(bootstrap_servers=environment.kafka.bootstrap, request_timeout_ms=3000)
        await consumer.start()
        try:
            partitions = [
                TopicPartition(topic, number) for topic in environment.topics for number in range(4)
            ]
            while True:
                with contextlib.suppress(TimeoutError, KafkaError):
                    async with asyncio.timeout(COUNT_WITHIN_S):
                        self._records = sum((await consumer.end_offsets(partitions)).values())
                await asyncio.sleep(1.0)
        finally:
            await consumer.stop()


def _word(send: Send) -> str:
    return send.outcome if send.outcome in OUTCOMES else "none"
