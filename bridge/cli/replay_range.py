"""A time range of a topic, copied to another one or published again on its own: past the memory, on purpose.

Keys, ids, headers and values stay as they are, the delivery's mode in a value, too: a copy is no other
delivery. Of one key the order is kept. How far a range is, Kafka keeps under the name of a group of its own.
"""

import asyncio
import shlex
from collections.abc import Sequence
from hashlib import blake2b

from aiokafka import ConsumerRecord, TopicPartition
from msgspec import Struct

from bridge.cli.journeys import PATIENCE_S, Parts, parts
from bridge.cli.offsets import Offsets
from bridge.cli.positions import Positions
from bridge.cli.replay_report import End, Teller
from bridge.cli.replay_work import Stopped, chunks
from bridge.cli.stretch import Batch, Span, Stretch, reading
from bridge.core.event import Record
from bridge.core.outcome import DeliveryOutcome, RejectedError, UnavailableError
from bridge.core.progress import Progress
from bridge.core.record import timestamp
from bridge.io.kafka.client import kafka_options
from bridge.settings.settings import Settings

_KEEP_EACH_S = 1.0
_PREFIX = "com.tencentcloud.vod."

Left = dict[TopicPartition, set[int]]  # offsets that are to be copied still


class Wish(Struct, frozen=True, kw_only=True):
    """Which records: those written to ``topic`` in ``span``, of these applications (empty: of all).

    They go ``to`` a topic. ``again`` begins anew although the range was worked off.
    """

    topic: str
    to: str
    span: Span
    apps: Sequence[str] = ()
    group: str
    again: bool = False

    @property
    def own_group(self) -> str:
        """The name under which Kafka keeps how far this very range is."""
        said = f"{self.topic}\n{self.to}\n{self.span.since_ms}\n{self.span.until_ms}\n{sorted(self.apps)}"
        return f"{self.group}.{blake2b(said.encode(), digest_size=6).hexdigest()}"

    @property
    def words(self) -> str:
        """The options that mean this very range, whenever they are typed."""
        since, until = self.span.since_ms or 0, self.span.until_ms or 0
        words = ["--topic", self.topic, "--since", timestamp(since), "--until", timestamp(until)]
        words += ["--republish"] if self.to == self.topic else ["--to", self.to]
        words += [word for app in self.apps for word in ("--app", app)]
        return shlex.join(words)


class Range:
    """The replay of a time range."""

    what = "records"

    def __init__(self, settings: Settings, wish: Wish) -> None:
        self.again = f"to go on: vod-bridge replay {wish.words} --run"
        self._settings = settings
        self._wish = wish
        self._options = kafka_options(settings.kafka)
        self._positions = Positions(self._options, wish.own_group)
        self._progress: dict[TopicPartition, Progress] = {}

    async def plan(self, teller: Teller) -> None:
        """Look at all of them, and write nothing."""
        async with reading(self._options, [self._wish.topic], self._wish.span) as stretch:
            await self._begin(stretch, teller)
            seen = 0
            async for batch in stretch.batches():
                for record in self._wanted(batch, teller):
                    teller.end(_end(record, DeliveryOutcome.PUBLISHED))
                seen += len(batch.records)
                teller.move(seen)

    async def run(self, teller: Teller, enough: asyncio.Event) -> None:
        """Copy them; where it stops, what was copied is remembered."""
        async with (
            reading(self._options, [self._wish.topic], self._wish.span) as stretch,
            parts(self._settings, unchecked=True) as bridge,
        ):
            await self._begin(stretch, teller)
            await self._positions.keep(self._progress)  # whoever may not do that must not begin
            try:
                await self._work_off(stretch, bridge, teller, enough)
            finally:
                await self._positions.keep(self._progress)

    async def _begin(self, stretch: Stretch, teller: Teller) -> None:
        kept = {} if self._wish.again else await self._positions.read(stretch.begins)
        for place, begin in stretch.begins.items():
            progress = kept.get(place, Progress(begin)).trim_before(begin)
            self._progress[place] = progress
            stretch.begins[place] = max(begin, progress.first_pending)
        teller.expect(stretch.total)

    def _wanted(self, batch: Batch, teller: Teller) -> list[ConsumerRecord]:
        found = []
        for record in batch.records:
            if not self._progress[_place(record)].is_pending(record.offset) or not self._wish.span.holds(
                record
            ):
                continue
            source = dict(record.headers).get("ce_source") or b""
            if record.value is None or not source.startswith(b"/vod/"):
                teller.tally.left["no event of this bridge"] += 1
            elif self._wish.apps and source.decode().removeprefix("/vod/") not in self._wish.apps:
                teller.tally.left["of other applications"] += 1
            else:
                found.append(record)
        return found

    async def _work_off(self, stretch: Stretch, bridge: Parts, teller: Teller, enough: asyncio.Event) -> None:
        clock = asyncio.get_running_loop().time
        kept_at, seen = clock(), 0
        async for batch in stretch.batches():
            stopped: Stopped | None = None
            wanted = self._wanted(batch, teller)
            left: Left = {place: set() for place in batch.reached}
            for record in wanted:
                left[_place(record)].add(record.offset)
            # Up to where each partition is copied: behind a record that was not, order asks for all again.
            copied = {place: self._progress[place].high_watermark for place in batch.reached}
            for chunk in chunks(wanted, _size):
                stopped = Stopped("interrupted") if enough.is_set() else None
                stopped = stopped or await self._copy(chunk, bridge, teller, (copied, left))
                if stopped:
                    break
            for place, reached in batch.reached.items():
                upto = copied[place] if stopped else reached
                done = {r.offset for r in batch.records if _place(r) == place and r.offset < upto}
                self._progress[place] = self._progress[place].advance(upto, done - left[place])
            if stopped:
                raise stopped
            seen += len(batch.records)
            teller.move(seen)
            if clock() - kept_at > _KEEP_EACH_S:
                await self._positions.keep(self._progress)
                kept_at = clock()

    async def _copy(
        self,
        chunk: Sequence[ConsumerRecord],
        bridge: Parts,
        teller: Teller,
        noted: tuple[Offsets, Left],
    ) -> Stopped | None:
        """Send them together, in their order, and wait; give why the range cannot go on, if so."""
        copied, left = noted
        until = asyncio.get_running_loop().time() + PATIENCE_S
        sent = [bridge.writer.send(_copied(record, self._wish.to)) for record in chunk]
        failed: set[TopicPartition] = set()
        why: Stopped | None = None
        for record, passage in zip(chunk, sent, strict=True):
            place, ending = _place(record), DeliveryOutcome.PUBLISHED
            try:
                async with asyncio.timeout_at(until):
                    await passage.durable
            except RejectedError:
                ending = DeliveryOutcome.REJECTED
            except (TimeoutError, UnavailableError) as error:
                passage.withdraw()
                failed.add(place)
                why = why or Stopped(bridge.missing or str(error) or "Kafka does not take records")
                continue
            teller.end(_end(record, ending))
            if place not in failed:
                copied[place] = max(copied[place], record.offset + 1)
                if ending is DeliveryOutcome.PUBLISHED:
                    left[place].discard(record.offset)
        return why


def _copied(record: ConsumerRecord, topic: str) -> Record:
    return Record(topic=topic, key=record.key or b"", value=record.value, headers=list(record.headers))


def _end(record: ConsumerRecord, ending: DeliveryOutcome) -> End:
    said = dict(record.headers)
    event_type = (said.get("ce_type") or b"").decode("utf-8", "replace").removeprefix(_PREFIX)
    name = (said.get("ce_id") or b"").decode("utf-8", "replace")
    reason = "too_large" if ending is DeliveryOutcome.REJECTED else ""
    origin = f"{record.topic}[{record.partition}]@{record.offset}"
    return End(origin, str(ending), type=event_type, reason=reason, name=name)


def _place(record: ConsumerRecord) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _size(record: ConsumerRecord) -> int:
    return len(record.value or b"")
