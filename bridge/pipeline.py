"""The journey of one delivery, step by step: bytes in, one ending out.

Nothing here knows HTTP, Redis or Kafka: what it needs of them stands in `Memory` and `Writer`. Every
delivery ends as exactly one `Ending`; what is answered well is durable.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from secrets import token_hex
from typing import Protocol

import structlog
from msgspec import UNSET, Raw
from msgspec.structs import replace

from bridge.core.authorization import read_authorized, takes_long
from bridge.core.claim import Answer, Claim, question
from bridge.core.decoding import UNCOUNTED_BYTES
from bridge.core.event import Event, Notification, Record, Stamp
from bridge.core.outcome import Ending, Outcome, Reason, Rejected, Unavailable
from bridge.core.record import Routing, dead_letter, event_record
from bridge.delivery_context import DeliveryContext
from bridge.holding import Hold, Holding, settled
from bridge.journeys import Journeys, Memory
from bridge.retry_order import Retry, RetryOrder
from bridge.running import begin
from bridge.telemetry import Telemetry
from bridge.telling import Told

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Ticket(Protocol):
    """A record on its way."""

    @property
    def durable(self) -> Told[Ending]:
        """Ends with where it is (published, spooled), `Unavailable` (nowhere) or `Rejected` (too large)."""

    def withdraw(self) -> bool:
        """Take the record back; False where it may become durable all the same."""


class Writer(Protocol):
    """What makes records durable, in the order given, key by key."""

    @property
    def flowing(self) -> bool:
        """Whether records become durable at once."""

    def send(self, record: Record) -> Ticket:
        """Send a record on its way; raises `Unavailable` where there is no room for it."""


_BUG = "a bug of the bridge; see its log"
_REMEMBERED_S = 1.0  # the memory answers sooner


class _Unknown(Exception):  # noqa: N818 - the send may still arrive; its journey goes on without us
    """A send has no answer yet and can no longer be taken back."""


class _StoppedError(Exception):
    """The pipeline was stopped, and reads no more."""


_Attempt = Callable[[DeliveryContext], Awaitable[Outcome]]


class Pipeline:
    """Takes deliveries to their ending. ``memory`` and ``writer`` are the world outside."""

    def __init__(
        self, memory: Memory, writer: Writer, routing: Routing, telemetry: Telemetry, rule: Holding
    ) -> None:
        self._writer = writer
        self._routing = routing
        self._telemetry = telemetry
        self._rule = rule
        self._wait_s = rule.wait_s
        self._hold = Hold(rule, telemetry)
        self._journeys = Journeys(memory, self._hold, rule, telemetry, self._begin_retry)
        self._retries = RetryOrder()
        self._process = token_hex(4)
        self._asked = 0
        self._is_stopped = False
        self._aside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="large-bodies")
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Begin to keep the claims of what is under way."""
        self._journeys.start()

    async def stop(self, seconds: float) -> None:
        """Wait for what is under way, for at most ``seconds``."""
        await self._journeys.stop(seconds)
        self._is_stopped = True
        self._aside.shutdown(wait=False, cancel_futures=True)

    def deliver(self, notification: Notification, context: Context | None = None) -> Told[Outcome]:
        """Take one delivery to its ending, in ``context`` where one is given.

        Tells no error; a deferred one is held before it is told.
        """
        return begin(self._deliver(notification), context)

    async def _deliver(self, notification: Notification) -> Outcome:
        arrived = self._loop.time()
        trip = DeliveryContext(
            notification, notification.size, arrived, arrived + self._wait_s, self._rule.retry_s
        )
        del notification  # while it is held, its body may be let go
        self._telemetry.in_flight += 1
        try:
            try:
                if trip.size <= UNCOUNTED_BYTES or not takes_long(trip.notification.body):
                    unauthorized = self._read(trip)
                else:
                    unauthorized = await self._read_aside(trip)
                if trip.event is None:
                    outcome = Outcome(ending=Ending.UNAUTHORIZED, reason=unauthorized)
                else:
                    outcome = await self._until_durable(trip, self._attempt)
            except Rejected as rejected:
                trip.refusal = (rejected.reason, rejected.detail)
            except (asyncio.CancelledError, _StoppedError):
                outcome = Outcome(ending=Ending.DEFERRED, detail="the bridge stops, and has not read it")
            except Exception as error:  # noqa: BLE001 - a bug met by one event must not keep it from where it is kept
                self._internal_error(trip, error)
                trip.refusal = (Reason.INTERNAL, _BUG)
            if trip.refusal[0]:
                outcome = await self._until_durable(trip, self._bury)
        except Exception as error:  # noqa: BLE001 - nor may one met while it is kept: then it is nowhere, and told so
            self._internal_error(trip, error)
            outcome = await self._defer(trip, _BUG)
        finally:
            self._end_retry(trip)
            self._telemetry.in_flight -= 1
        self._telemetry.delivered(
            trip.notification, outcome, trip.event, self._loop.time() - arrived, trip.acked_s
        )
        return outcome

    async def _read_aside(self, trip: DeliveryContext) -> str:
        """Read a large body, whose small parts may take seconds, in a thread: others are served meanwhile.

        Events of one key keep their order but for those that overtake such a one while it is read.
        """
        if self._is_stopped:  # the thread takes nothing more
            raise _StoppedError
        return await self._loop.run_in_executor(self._aside, self._read, trip)

    def _internal_error(self, trip: DeliveryContext, error: Exception) -> None:
        """Log a bug with its traceback, and count it."""
        log.error("internal", app=trip.notification.application.name, bytes=trip.size, exc_info=error)
        self._telemetry.internal_errors.inc()

    async def _until_durable(
        self, trip: DeliveryContext, attempt: Callable[[DeliveryContext], Awaitable[Outcome]]
    ) -> Outcome:
        """Attempt until it is done or the hold is over: what was not written may be written yet."""
        while True:
            try:
                return await attempt(trip)
            except _Unknown:
                trip.give_up()
                why = "Kafka has not answered yet, and the spool did not take it"
            except Unavailable as problem:
                why = str(problem)
            pause = trip.rest()
            if self._loop.time() + pause >= trip.deadline:
                self._end_retry(trip)
                return await self._defer(trip, why)
            self._begin_retry(trip)
            await asyncio.sleep(pause)

    def _begin_retry(self, trip: DeliveryContext) -> None:
        """Keep the place of a delivery that failed among those of its key, for as long as it is retried."""
        if (event := trip.event) is None or trip.retry or trip.has_given_up or trip.refusal[0]:
            return
        record = event_record(event, Stamp(""), trip.notification, self._routing)
        asked = question(trip.notification.application.name, event.identity, event.format, 0, "")
        trip.retry = Retry((record.topic, record.key), asked, trip.number)
        self._retries.add(trip.retry)

    def _end_retry(self, trip: DeliveryContext) -> None:
        if trip.retry:
            self._retries.remove(trip.retry)
            trip.retry = None

    async def _wait_for_earlier(self, trip: DeliveryContext, record: Record, claim: Claim) -> None:
        """Wait until no earlier event of the key is being retried. Raises `Unavailable` at the deadline."""
        while ahead := self._retries.ahead_of((record.topic, record.key), claim, trip.number):
            if not await self._hold.wait(ahead.ended, trip.deadline, trip.size, slow=True):
                raise Unavailable("an earlier event of its key is not durable yet")

    def _read(self, trip: DeliveryContext) -> str:
        """Open, authorize, decode. Leaves the event in ``trip``, or says why it is unauthorized."""
        trip.event, unauthorized = read_authorized(trip.notification, trip.size)
        return unauthorized

    async def _attempt(self, trip: DeliveryContext) -> Outcome:
        """Claim, publish, commit. Raises where the event is not durable, with the claim let go."""
        event = trip.event
        assert event is not None  # noqa: S101 - what has none is not attempted
        asked = self._question(trip, event)
        claim, journey = await self._journeys.claim(asked, trip.deadline, trip.size)
        if journey is None:
            return self._told(event, claim, Ending.DUPLICATE)
        deduplicated = claim.answer is not Answer.AWAY
        stamp = Stamp(claim.event_id, deduplicated, claim.revision)
        try:
            record = event_record(event, stamp, trip.notification, self._routing)
            if self._retries:
                await self._wait_for_earlier(trip, record, claim)
            sent = self._loop.time()
            ticket = self._writer.send(record)
        except BaseException:
            await self._journeys.fail(journey)
            raise
        self._journeys.follow(journey, ticket.durable, trip)
        await self._ended(trip, ticket, journey.ended)
        ending = ticket.durable.result()
        if ending is Ending.PUBLISHED:
            trip.acked_s = journey.landed - sent
        return Outcome(ending, stamp.id, event.type, record.topic)

    def _told(self, event: Event, claim: Claim, ending: Ending) -> Outcome:
        topic = self._routing.topic_of(event, claim.app)
        return Outcome(ending, claim.event_id, event.type, topic)

    def _question(self, trip: DeliveryContext, event: Event) -> Claim:
        self._asked += 1
        trip.number = trip.number or self._asked
        notification = trip.notification
        token = f"{self._process}{self._asked & 0xFFFFFFFF:08x}"
        app, at_ms = notification.application.name, notification.received_ms
        asked = question(app, event.identity, event.format, at_ms, token)
        return replace(asked, audit=True) if notification.mode == "audit" else asked

    async def _ended(self, trip: DeliveryContext, ticket: Ticket, ended: Told[bool] | Told[Ending]) -> None:
        """Wait until a record that was sent has ended: one send, however long the wait."""
        if not await self._hold.wait(ended, trip.deadline, trip.size, slow=not self._writer.flowing):
            if ticket.withdraw():
                trip.give_up()
                raise Unavailable("neither Kafka nor the spool takes records")
            if ticket.durable.done():
                await settled(ended, _REMEMBERED_S)
        if not ticket.durable.done():
            # It may be written yet: redeliveries join its journey meanwhile.
            self._telemetry.sends_unknown.inc()
            ticket.durable.then(self._telemetry.sends_unknown.dec)
            raise _Unknown

    async def _bury(self, trip: DeliveryContext) -> Outcome:
        """Keep bytes that are no event on the dead-letter topic; told only once they are durable."""
        reason, detail = trip.refusal
        record = dead_letter(trip.notification, reason, detail, self._routing)
        ticket = self._writer.send(record)
        await self._ended(trip, ticket, ticket.durable)
        try:
            ticket.durable.result()
        except Rejected as rejected:
            raise Unavailable(rejected.detail) from None  # no topic is left for it
        return Outcome(ending=Ending.REJECTED, topic=record.topic, reason=reason, detail=detail)

    async def _defer(self, trip: DeliveryContext, why: str) -> Outcome:
        """Say nothing until the hold is over. Nothing durable was reached: no answer may sound like a yes.

        The body is let go of meanwhile, and with it what was read from it, which are views of its bytes.
        """
        trip.notification = replace(trip.notification, body=b"", received=b"")
        event_type = ""
        if trip.event is not None:
            event_type = trip.event.type
            trip.event = replace(trip.event, payload=Raw(), original=UNSET)
        await self._hold.silence(trip.deadline)
        return Outcome(ending=Ending.DEFERRED, event_type=event_type, detail=why)
