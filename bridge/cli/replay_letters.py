"""Dead letters, back through the journey: those that no replay has brought to a good end yet.

How far each partition is, Kafka keeps under the name of a group, and beside it which letters before that are
open still: those that were rejected again, and those that a filter left out. So each is looked at until it is
published or known to be a duplicate, and never again from then on, also where Redis has forgotten it. What is
rejected again is not written again: it stays where it is.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from aiokafka import ConsumerRecord, TopicPartition
from msgspec import Struct
from msgspec.structs import replace

from bridge.cli.journeys import PATIENCE_S, Parts, parts
from bridge.cli.positions import Positions
from bridge.cli.replay_report import End, Teller
from bridge.cli.replay_work import Stopped, carried, chunks, foreseen
from bridge.cli.stretch import Batch, Span, Stretch, reading
from bridge.core.event import Notification, Record
from bridge.core.inflate import CODINGS, Inflated, inflate
from bridge.core.outcome import DeliveryOutcome, Reason, RejectedError, UnavailableError
from bridge.core.progress import Progress
from bridge.core.record_from_value import record_from_value
from bridge.io.kafka.client import kafka_options
from bridge.settings.settings import Settings
from bridge.wiring import build_routing

_KEEP_EACH_S = 1.0


class Wish(Struct, frozen=True, kw_only=True):
    """Which letters: of these reasons and applications (empty: of all), written in ``span``.

    ``again`` forgets which ones came to a good end already. ``unchecked`` publishes while Redis is away.
    """

    reasons: Sequence[str] = ()
    apps: Sequence[str] = ()
    span: Span = Span()
    group: str
    again: bool = False
    unchecked: bool = False


class _Letter(Struct, frozen=True):
    place: TopicPartition
    offset: int
    app: str
    reason: str
    received_ms: int
    content_type: str
    content_encoding: str
    value: bytes

    @property
    def origin(self) -> str:
        return f"{self.place.topic}[{self.place.partition}]@{self.offset}"


class DeadLetters:
    """The replay of dead letters."""

    what = "dead letters"
    again = "the same command goes on from there"

    def __init__(self, settings: Settings, wish: Wish) -> None:
        self._settings = settings
        self._wish = wish
        self._options = kafka_options(settings.kafka)
        self._topic = settings.kafka.topic_dead_letter
        self._routing = build_routing(settings)
        self._body_max = settings.http.body_max_bytes
        # They were authorised when they came, by signatures that are out of date by now.
        self._apps = {name: replace(app, sign_keys=()) for name, app in settings.applications().items()}
        self._positions = Positions(self._options, wish.group)
        self._progress: dict[TopicPartition, Progress] = {}

    async def plan(self, teller: Teller) -> None:
        """Look at all of them, and write nothing."""
        async with reading(self._options, [self._topic], self._wish.span) as stretch:
            await self._begin(stretch, teller)
            seen = 0
            async for batch in stretch.batches():
                for letter in self._letters(batch, teller):
                    opened = self._opened(letter)
                    canonical = self._kept_event(letter, opened)
                    if opened.decode_error:
                        teller.end(
                            End(
                                letter.origin,
                                str(DeliveryOutcome.REJECTED),
                                reason=str(Reason.MALFORMED),
                                name=opened.decode_error,
                            )
                        )
                    elif canonical is None:
                        teller.end(foreseen(letter.origin, opened.body))
                    else:
                        teller.end(_end(letter, canonical, DeliveryOutcome.PUBLISHED))
                seen += len(batch.records)
                teller.move(seen)

    async def run(self, teller: Teller, enough: asyncio.Event) -> None:
        """Bring them in; where it stops, what came to a good end is remembered."""
        async with (
            reading(self._options, [self._topic], self._wish.span) as stretch,
            parts(self._settings, unchecked=self._wish.unchecked) as bridge,
        ):
            await self._begin(stretch, teller)
            await self._positions.keep(self._progress)  # whoever may not do that must not begin
            try:
                await self._work_off(stretch, bridge, teller, enough)
            finally:
                await self._positions.keep(self._progress)

    async def _begin(self, stretch: Stretch, teller: Teller) -> None:
        """Learn how far it is, and move the beginning there."""
        kept = {} if self._wish.again else await self._positions.read(stretch.begins)
        for place, begin in stretch.begins.items():
            progress = kept.get(place, Progress())
            if progress.high_watermark > stretch.lasts[place]:
                progress = Progress()  # of a topic of this name that is no more
            if self._wish.span.since_ms is None:
                progress = progress.trim_before(begin)
            self._progress[place] = progress
            stretch.begins[place] = max(begin, progress.first_pending)
        teller.expect(stretch.total)

    def _letters(self, batch: Batch, teller: Teller) -> list[_Letter]:
        """Take the letters that are wanted; count those that a filter leaves."""
        found: list[_Letter] = []
        for record in batch.records:
            letter = _letter(record)
            if not self._progress[letter.place].is_pending(letter.offset):
                continue
            if why := self._left(letter, record):
                teller.tally.left[why] += 1
            else:
                found.append(letter)
        return found

    def _left(self, letter: _Letter, record: ConsumerRecord) -> str:
        wish = self._wish
        if wish.reasons and letter.reason not in wish.reasons:
            return f"of reason {letter.reason or 'none'}"
        if wish.apps and letter.app not in wish.apps:
            return f"of application {letter.app or 'none'}"
        if not wish.span.holds(record):
            return "outside of the time"
        return "" if letter.app in self._apps else f"of application {letter.app or 'none'}, not configured"

    async def _work_off(self, stretch: Stretch, bridge: Parts, teller: Teller, enough: asyncio.Event) -> None:
        clock = asyncio.get_running_loop().time
        kept_at, seen = clock(), 0
        async for batch in stretch.batches():
            done: dict[TopicPartition, set[int]] = {place: set() for place in batch.reached}
            try:
                for chunk in chunks(self._letters(batch, teller), _size):
                    if enough.is_set():
                        raise Stopped("interrupted")
                    await self._carry(chunk, bridge, teller, done)
            finally:
                for place, reached in batch.reached.items():  # what was not come to any more is open
                    self._progress[place] = self._progress[place].advance(reached, done[place])
            seen += len(batch.records)
            teller.move(seen)
            if clock() - kept_at > _KEEP_EACH_S:
                await self._positions.keep(self._progress)
                kept_at = clock()
            if enough.is_set():
                raise Stopped("interrupted")

    async def _carry(
        self,
        chunk: Sequence[_Letter],
        bridge: Parts,
        teller: Teller,
        done: Mapping[TopicPartition, set[int]],
    ) -> None:
        """Take them through together, in their order. Raises `Stopped` if one found nothing durable."""
        ends = await asyncio.gather(
            *(self._through(letter, bridge) for letter in chunk), return_exceptions=True
        )
        for letter, end in zip(chunk, ends, strict=True):
            if isinstance(end, End):
                teller.end(end)
                if end.ending in (DeliveryOutcome.PUBLISHED, DeliveryOutcome.DUPLICATE):
                    done[letter.place].add(letter.offset)
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _through(self, letter: _Letter, bridge: Parts) -> End:
        opened = self._opened(letter)
        canonical = self._kept_event(letter, opened)
        if canonical is not None:
            return await _written(letter, canonical, bridge)
        notification = Notification(
            application=self._apps[letter.app],
            body=letter.value if opened.decode_error else opened.body,
            decode_error=opened.decode_error,
            received_ms=letter.received_ms,
            mode="replay",
            content_type=letter.content_type,
        )
        return await carried(bridge, notification, letter.origin)

    def _kept_event(self, letter: _Letter, opened: Inflated) -> Record | None:
        """Give the record of an event that was refused on its way out of the spool: the memory knows it."""
        return record_from_value(opened.body, self._routing) if letter.reason == Reason.TOO_LARGE else None

    def _opened(self, letter: _Letter) -> Inflated:
        """Decompress what was kept as it came."""
        coding = CODINGS.get(letter.content_encoding)
        if coding is None:
            return Inflated(letter.value)
        opened = inflate(letter.value, coding, self._body_max)
        if opened.too_large:
            return Inflated(
                decode_error=f"{coding}: more than BRIDGE_HTTP__BODY_MAX_BYTES ({self._body_max}) bytes"
            )
        return opened


async def _written(letter: _Letter, record: Record, bridge: Parts) -> End:
    """Write a record as it would have been."""
    sent = bridge.writer.send(record)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await sent.durable
    except TimeoutError:
        raise Stopped(bridge.missing or "Kafka does not take records") from None
    except UnavailableError as error:
        raise Stopped(bridge.missing or str(error)) from None
    except RejectedError as rejected:
        return End(
            letter.origin, str(DeliveryOutcome.REJECTED), reason=str(rejected.reason), name=rejected.detail
        )
    return _end(letter, record, DeliveryOutcome.PUBLISHED)


def _end(letter: _Letter, record: Record, ending: DeliveryOutcome) -> End:
    said = dict(record.headers)
    event_type = said["ce_type"].decode().removeprefix("com.tencentcloud.vod.")
    return End(letter.origin, str(ending), type=event_type, name=said["ce_id"].decode())


def _letter(record: ConsumerRecord) -> _Letter:
    said: dict[str, bytes | None] = dict(record.headers)

    def text(name: str, errors: str = "replace") -> str:
        return (said.get(name) or b"").decode("utf-8", errors)

    received_ms = int(record.timestamp)
    with suppress(ValueError):
        received_ms = round(datetime.fromisoformat(text("received_at")).timestamp() * 1000)
    return _Letter(
        place=TopicPartition(record.topic, record.partition),
        offset=record.offset,
        app=text("app"),
        reason=text("reason"),
        received_ms=max(0, received_ms),
        content_type=text("content-type", "surrogateescape"),
        content_encoding=text("content-encoding", "surrogateescape"),
        value=record.value or b"",
    )


def _size(letter: _Letter) -> int:
    """How many bytes it may have in work: a compressed one many times its own."""
    size = len(letter.value)
    return size * _GROWTH if letter.content_encoding in CODINGS else size


_GROWTH = 1000  # deflate's most is 1,032
