"""What happens to one delivery: decode, claim, publish, commit.

Nothing here knows HTTP, Redis or Kafka; what it needs of them is in `ports`. Every delivery ends as exactly
one `DeliveryOutcome`; 2xx outcomes are durable.
"""

import asyncio
from contextvars import Context
from enum import Enum
from functools import partial
from secrets import token_hex

import structlog
from msgspec.structs import replace

from bridge.aio.inline_task import start_inline, wait
from bridge.aio.promise import Promise
from bridge.core.authorization import is_slow_to_decode, read_authorized
from bridge.core.claim import Claim, ClaimStatus, new_claim
from bridge.core.decode.exact_json import CONTAINER_COUNT_MIN_BYTES
from bridge.core.event import DecodedEvent, DedupStamp, Notification, Record
from bridge.core.outcome import DeliveryOutcome, DeliveryResult, Reason, RejectedError, UnavailableError
from bridge.core.pieces import LARGE_BYTES
from bridge.core.record import Routing, dead_letter, event_record, topic_and_key
from bridge.delivery.context import DeliveryContext, NotDurable, Rejection
from bridge.delivery.hold import HoldLimiter, HoldPolicy, wait_for
from bridge.delivery.in_flight import InFlightRegistry
from bridge.delivery.large_bodies import LargeBodies
from bridge.delivery.ports import DedupStore, RecordWriter, WriteHandle
from bridge.delivery.retry_order import Retry, RetryOrder
from bridge.observability.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()


_BUG = "a bug of the bridge; see its log"
_COMMIT_WAIT_S = 1.0  # the dedup store answers sooner


class SendState(Enum):
    """What is known of a send once its delivery has waited for it; in words for a person."""

    DONE = "written, or refused for good"
    WITHDRAWN = "neither Kafka nor the spool takes records"
    INDETERMINATE = "Kafka has not answered yet, and the spool did not take it"


class Pipeline:
    """Processes deliveries. For the event loop's thread; large bodies have threads of their own."""

    def __init__(
        self,
        dedup: DedupStore,
        writer: RecordWriter,
        routing: Routing,
        telemetry: Telemetry,
        policy: HoldPolicy,
    ) -> None:
        self._writer = writer
        self._routing = routing
        self._telemetry = telemetry
        self._policy = policy
        self._deadline_s = policy.deadline_s
        self._hold = HoldLimiter(policy, telemetry)
        self._in_flight = InFlightRegistry(dedup, self._hold, policy, telemetry, self._register_retry)
        self._retries = RetryOrder()
        self._process_id = token_hex(4)
        self._claim_seq = 0
        self._large_bodies = LargeBodies(routing)
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Start to renew the leases of events in flight."""
        self._in_flight.start()

    async def stop(self, seconds: float) -> None:
        """Wait at most ``seconds`` for the events in flight."""
        await self._in_flight.stop(seconds)
        self._large_bodies.stop()

    def deliver(self, notification: Notification, context: Context | None = None) -> Promise[DeliveryResult]:
        """Process one delivery, in ``context`` if one is given.

        The promise never fails. For a deferred delivery it resolves only after the hold.
        """
        return start_inline(self._deliver(notification), context)

    async def _deliver(self, notification: Notification) -> DeliveryResult:
        """Publish, with retries until the deadline; what can never be published is dead-lettered."""
        received_at = self._loop.time()
        delivery = DeliveryContext(
            notification=notification,
            size=notification.size,
            received_at=received_at,
            deadline=received_at + self._deadline_s,
            backoff_s=self._policy.initial_backoff_s,
        )
        del notification  # while it is held, its body may be let go
        self._telemetry.deliveries_in_flight += 1
        try:
            try:
                while True:
                    attempt = self._publish if delivery.rejection is None else self._dead_letter
                    try:
                        result = await attempt(delivery)
                        break
                    except Exception as error:  # noqa: BLE001 - an event that meets a bug must still be kept somewhere
                        step = self._after_failure(delivery, error)
                    if isinstance(step, NotDurable):
                        result = step
                        break
                    if step:
                        await asyncio.sleep(step)
            finally:
                delivery.is_over = True
                if delivery.retry:
                    self._unregister_retry(delivery, delivery.retry)
            if isinstance(result, NotDurable):
                result = await self._defer(delivery, result.detail)
        finally:
            self._telemetry.deliveries_in_flight -= 1
        self._telemetry.record_delivery(
            delivery.notification, result, delivery.event, self._loop.time() - received_at, delivery.ack_s
        )
        return result

    def _after_failure(self, delivery: DeliveryContext, error: Exception) -> float | NotDurable:
        """Return the pause in seconds before the next attempt; `NotDurable` if there is none."""
        if isinstance(error, UnavailableError):
            pause = delivery.next_backoff()
            if self._loop.time() + pause >= delivery.deadline:
                return NotDurable(str(error))
            try:
                self._register_retry(delivery)
            except Exception as bug:  # noqa: BLE001 - as above
                error = bug
            else:
                return pause
        if isinstance(error, RejectedError) and delivery.rejection is None:
            delivery.rejection = Rejection(error.reason, error.detail)
            return 0
        log.error(
            "internal_error", app=delivery.notification.application.name, bytes=delivery.size, exc_info=error
        )
        self._telemetry.internal_errors.inc()
        if delivery.rejection is not None:  # its dead letter met a bug: it is nowhere
            return NotDurable(_BUG)
        delivery.rejection = Rejection(Reason.INTERNAL, _BUG)
        return 0

    # Attempts

    async def _publish(self, delivery: DeliveryContext) -> DeliveryResult | NotDurable:
        """Decode, claim, publish, commit.

        Raises `UnavailableError` if the event is not durable: its claim is released then, and another attempt
        may succeed. Raises `RejectedError` if none can.
        """
        event = delivery.event
        if event is None:
            notification, size = delivery.notification, delivery.size
            is_slow = size > CONTAINER_COUNT_MIN_BYTES and is_slow_to_decode(notification.body)
            decoded = (
                await self._large_bodies.decode(notification, size)
                if is_slow
                else read_authorized(notification, size)
            )
            if isinstance(decoded, DeliveryResult):
                return decoded
            event = delivery.event = decoded
        claim, in_flight = await self._in_flight.claim_or_join(
            self._new_claim(delivery, event), delivery.deadline, delivery.size
        )
        if in_flight is None:
            topic = self._routing.topic_of(event, claim.app)
            return DeliveryResult(DeliveryOutcome.DUPLICATE, claim.event_id, event.type, topic)
        stamp = DedupStamp(claim.event_id, claim.status is not ClaimStatus.UNAVAILABLE, claim.revision)
        try:
            if delivery.size > LARGE_BYTES:
                record, write = await self._send_large(delivery, event, stamp, claim)
            else:
                record = event_record(event, stamp, delivery.notification, self._routing)
                if self._retries.by_key:
                    await self._wait_for_earlier(delivery, record, claim)
                write = self._writer.send(record)
        except BaseException as error:
            await self._in_flight.abandon(in_flight, delivery, error)
            raise
        sent_at = self._loop.time()
        # From here on its claim is committed or released when the write ends, even after we gave up.
        write.durable.on_done(partial(self._in_flight.on_sent, in_flight, write.durable, delivery))
        if self._writer.accepting:  # then it is nearly always done before it counts as slow
            await wait(self._hold.until_slow(in_flight.done, delivery.deadline))
        if in_flight.done.pending or write.durable.pending:
            state = await self._await_send(delivery, write, in_flight.done, slow=True)
            if state is not SendState.DONE:
                return NotDurable(state.value)
        outcome = write.durable.result()
        delivery.ack_s = in_flight.sent_at - sent_at if outcome is DeliveryOutcome.PUBLISHED else None
        return DeliveryResult(outcome, stamp.id, event.type, record.topic)

    async def _dead_letter(self, delivery: DeliveryContext) -> DeliveryResult | NotDurable:
        """Write a rejected notification to the dead-letter topic. Returns once it is durable."""
        rejection = delivery.rejection
        assert rejection is not None  # noqa: S101 - what has none is not dead-lettered
        reason, detail = rejection.reason, rejection.detail
        record = dead_letter(delivery.notification, reason, detail, self._routing)
        write = self._writer.send(record)
        state = await self._await_send(delivery, write, write.durable, slow=not self._writer.accepting)
        if state is not SendState.DONE:
            return NotDurable(state.value)
        if isinstance(write.durable.exception, RejectedError):
            raise UnavailableError(write.durable.exception.detail)  # no other topic is left for it
        write.durable.result()
        return DeliveryResult(DeliveryOutcome.REJECTED, topic=record.topic, reason=reason, detail=detail)

    # Steps

    async def _send_large(
        self, delivery: DeliveryContext, event: DecodedEvent, stamp: DedupStamp, claim: Claim
    ) -> tuple[Record, WriteHandle]:
        """Encode a record in a thread, and send it. Until then later events of its key wait."""
        is_retried = delivery.retry is not None
        self._register_retry(delivery)
        record = await self._large_bodies.encode(event, stamp, delivery.notification)
        await self._wait_for_earlier(delivery, record, claim)
        write = self._writer.send(record)
        if delivery.retry and not is_retried and write.durable.exception is None:
            self._unregister_retry(delivery, delivery.retry)
        return record, write

    def _new_claim(self, delivery: DeliveryContext, event: DecodedEvent) -> Claim:
        self._claim_seq += 1
        delivery.number = delivery.number or self._claim_seq
        notification = delivery.notification
        token = f"{self._process_id}{self._claim_seq & 0xFFFFFFFF:08x}"
        app, at_ms = notification.application.name, notification.received_ms
        request = new_claim(app, event.identity, event.format, at_ms, token)
        return replace(request, audit=True) if notification.mode == "audit" else request

    async def _await_send(
        self,
        delivery: DeliveryContext,
        write: WriteHandle,
        done: Promise[bool] | Promise[DeliveryOutcome],
        *,
        slow: bool,
    ) -> SendState:
        """Wait until the deadline for ``done``, which follows the end of a send; then withdraw the record.

        With ``slow`` no end is expected soon, or it was waited for already.
        """
        if not await self._hold.wait(done, delivery.deadline, delivery.size, slow=slow):
            if write.withdraw():
                return SendState.WITHDRAWN
            if not write.durable.pending:
                await wait_for(done, _COMMIT_WAIT_S)
        if not write.durable.pending:
            return SendState.DONE
        # It may be written yet: redeliveries join the event in flight meanwhile.
        self._telemetry.sends_indeterminate.inc()
        write.durable.on_done(self._telemetry.sends_indeterminate.dec)
        return SendState.INDETERMINATE

    async def _defer(self, delivery: DeliveryContext, detail: str) -> DeliveryResult:
        """Withhold the response until the hold is over: nothing is durable, no answer may look like a yes."""
        delivery.free_body()
        event_type = delivery.event.type if delivery.event is not None else ""
        await self._hold.withhold_response(delivery.deadline)
        return DeliveryResult(DeliveryOutcome.DEFERRED, event_type=event_type, detail=detail)

    # Order per key while deliveries are retried, or encoded in a thread

    def _register_retry(self, delivery: DeliveryContext) -> None:
        """Register a delivery that failed, or is encoded: later events of its key wait for it meanwhile."""
        event = delivery.event
        if event is None or delivery.retry or delivery.is_over or delivery.rejection:
            return
        app = delivery.notification.application.name
        request = new_claim(app, event.identity, event.format, 0, "")
        delivery.retry = Retry(topic_and_key(event, app, self._routing), request, delivery.number)
        self._retries.add(delivery.retry)

    def _unregister_retry(self, delivery: DeliveryContext, retry: Retry) -> None:
        """Let later events of its key proceed: nothing is tried any more."""
        self._retries.remove(retry)
        delivery.retry = None

    async def _wait_for_earlier(self, delivery: DeliveryContext, record: Record, claim: Claim) -> None:
        """Wait until no earlier event of the key is retried or encoded.

        Raises `UnavailableError` at the deadline.
        """
        waiter = self._retries.wait_for_earlier((record.topic, record.key), claim, delivery.number)
        if waiter is not None:
            try:
                if not await self._hold.wait(waiter.turn, delivery.deadline, delivery.size, slow=True):
                    raise UnavailableError("an earlier event of its key is not durable yet")
            finally:
                self._retries.forget(waiter)
