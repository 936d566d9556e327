"""Where the tests of ``replay`` work: topics of their own, dead letters as a bridge's, the command."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType

from aiokafka import AIOKafkaProducer

from bridge.cli.replay.files import FileReplay, FileSelection
from bridge.cli.replay.report import reporting
from bridge.cli.replay.time_range import RangeReplay, RangeSelection
from bridge.core.application import Application
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DedupStamp, Notification, Record
from bridge.core.record import Routing, dead_letter, event_record
from bridge.operations.replay.common import Replay, ReplayStoppedError
from bridge.operations.replay.dead_letters import DeadLetterReplay, DeadLetterSelection
from bridge.operations.replay.report import ReplaySummary
from bridge.settings.settings import Settings, load
from tests.cli.cli_process import CommandResult, vod_bridge
from tests.end_to_end.environment import Environment
from tests.end_to_end.notifications import edited, new_task

LONG_AGO_MS = 1_700_000_000_123
LONG_AGO = "2023-11-14T22:13:20.123Z"
GROUP = "vod-bridge-replay"
ALL_DEAD_LETTERS = DeadLetterSelection(group=GROUP)
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class ReplayHarness:
    """Topics of one test, its dead letters, and the command ``replay`` on them."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.settings = environment.settings
        self.routing = Routing(environment.events, environment.other, environment.dead_letters)

    async def replay(
        self, *args: str, stdin: bytes = b"", settings: Mapping[str, str] = NO_SETTINGS
    ) -> CommandResult:
        """Run the command; it shows no traceback, whatever its arguments are."""
        result = await vod_bridge("replay", *args, settings={**self.settings, **settings}, stdin=stdin)
        assert "Traceback" not in result.err
        return result

    async def run_dead_letters(self, selection: DeadLetterSelection = ALL_DEAD_LETTERS) -> ReplaySummary:
        """Replay dead letters in this process."""
        return await self._run(DeadLetterReplay(self.load_settings(), selection))

    async def run_files(self, selection: FileSelection) -> ReplaySummary:
        """Replay files in this process."""
        return await self._run(FileReplay(self.load_settings(), selection))

    async def run_range(self, selection: RangeSelection, *, interrupted: bool = False) -> ReplaySummary:
        """Replay a time range in this process; ``interrupted`` before its first record."""
        return await self._run(RangeReplay(self.load_settings(), selection), interrupted=interrupted)

    async def _run(self, work: Replay, *, interrupted: bool = False) -> ReplaySummary:
        summary = ReplaySummary(unit=work.unit, dry_run=False)
        stop_event = asyncio.Event()
        if interrupted:
            stop_event.set()
        with reporting(summary, quiet=True) as reporter:
            try:
                await work.run(reporter, stop_event)
            except ReplayStoppedError as stopped:
                summary.stop_reason = str(stopped)
        return summary

    def load_settings(self) -> Settings:
        """Return the settings as the command has them."""
        return load(None, self.settings)

    async def write_dead_letters(
        self, *bodies: bytes, reason: str = "no_payload", app: str = "default", received_ms: int = LONG_AGO_MS
    ) -> None:
        """Write dead letters as a bridge would."""
        await self.write(*(self.dead_letter_record(body, reason, app, received_ms) for body in bodies))

    def dead_letter_record(
        self, body: bytes, reason: str = "no_payload", app: str = "default", received_ms: int = LONG_AGO_MS
    ) -> Record:
        """Write a dead letter as the bridge does."""
        notification = Notification(
            application=Application(name=app),
            body=body,
            received_ms=received_ms,
            content_type="application/json",
        )
        return dead_letter(notification, reason, "as it was", self.routing)

    async def write(self, *records: Record) -> None:
        """Write records, whatever they are."""
        async with self._producer() as producer:
            for record in records:
                await producer.send(record.topic, record.value, key=record.key, headers=list(record.headers))

    async def publish(self, *bodies: bytes, received_ms: int = LONG_AGO_MS) -> None:
        """Write events as a bridge would, and wait, so that they stand in their order."""
        async with self._producer() as producer:
            for body in bodies:
                record = self.record(body, received_ms)
                await producer.send_and_wait(
                    record.topic, record.value, key=record.key, headers=list(record.headers)
                )

    def record(self, body: bytes, received_ms: int = LONG_AGO_MS) -> Record:
        """Write the record by which a body is published."""
        event = read_event(open_envelope(body))
        notification = Notification(
            application=Application(name="default"), body=body, received_ms=received_ms
        )
        return event_record(event, DedupStamp(id=event.identity.key), notification, self.routing)

    @asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.environment.kafka.bootstrap,
            enable_idempotence=True,
            max_request_size=1 << 24,
        )
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()


def edited_notifications(count: int) -> tuple[Sequence[str], list[bytes]]:
    """Give so many notifications, each of a task of its own, and the tasks."""
    tasks = [new_task() for _ in range(count)]
    return tasks, [edited(task) for task in tasks]
