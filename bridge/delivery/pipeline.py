"""What happens to one delivery: decode, claim, publish, commit.

Nothing here knows HTTP, Redis or Kafka; what it needs of them is in `ports`. Every delivery ends as exactly
one `DeliveryOutcome`; 2xx outcomes are durable.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from secrets import token_hex

import structlog
from msgspec import UNSET, Raw
from msgspec.structs import replace

from bridge.aio.inline_task import start_inline
from bridge.aio.promise import Promise
from bridge.core.authorization import is_slow_to_decode, read_authorized
from bridge.core.claim import Claim, ClaimStatus, new_claim
from bridge.core.decode.exact_json import CONTAINER_COUNT_MIN_BYTES
from bridge.core.event import DecodedEvent, DedupStamp, Notification, Record
from bridge.core.outcome import DeliveryOutcome, DeliveryResult, Reason, RejectedError, UnavailableError
from bridge.core.record import Routing, dead_letter, event_record
from bridge.delivery.context import DeliveryContext
from bridge.delivery.hold import HoldLimiter, HoldPolicy, wait_for
from bridge.delivery.in_flight import InFlightRegistry
from bridge.delivery.ports import DedupStore, RecordWriter, WriteHandle
from bridge.delivery.retry_order import Retry, RetryOrder
from bridge.observability.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()


_BUG = "a bug of the bridge; see its log"
_COMMIT_WAIT_S = 1.0  # the dedup store answers sooner


class _SendIndeterminateError(Exception):
    """A send has no result yet and can no longer be withdrawn."""


class _StoppedError(Exception):
    """The pipeline was stopped and decodes no more bodies."""


_Attempt = Callable[[DeliveryContext], Awaitable[DeliveryResult]]


class Pipeline:
    """Processes deliveries. For the event loop's thread; large bodies are decoded in a thread of its own."""

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
        self._is_stopped = False
        self._decode_executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="large-bodies")
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Start to renew the leases of events in flight."""
        self._in_flight.start()

    async def stop(self, seconds: float) -> None:
        """Wait at most ``seconds`` for the events in flight."""
        await self._in_flight.stop(seconds)
        self._is_stopped = True
        self._decode_executor.shutdown(wait=False, cancel_futures=True)

    def deliver(self, notification: Notification, context: Context | None = None) -> Promise[DeliveryResult]:
        """Process one delivery, in ``context`` if one is given.

        The promise never fails. For a deferred delivery it resolves only after the hold.
        """
        return start_inline(self._deliver(notification), context)

    async def _deliver(self, notification: Notification) -> DeliveryResult:
        received_at = self._loop.time()
        delivery = DeliveryContext(
            notification,
            notification.size,
            received_at,
            received_at + self._deadline_s,
            self._policy.initial_backoff_s,
        )
        del notification  # while it is held, its body may be let go
        self._telemetry.deliveries_in_flight += 1
        try:
            try:
                if delivery.size <= CONTAINER_COUNT_MIN_BYTES or not is_slow_to_decode(
                    delivery.notification.body
                ):
                    unauthorized = self._decode(delivery)
                else:
                    unauthorized = await self._decode_in_thread(delivery)
                if delivery.event is None:
                    result = DeliveryResult(outcome=DeliveryOutcome.UNAUTHORIZED, reason=unauthorized)
                else:
                    result = await self._retry_until_deadline(delivery, self._publish_once)
            except RejectedError as rejected:
                delivery.rejection = (rejected.reason, rejected.detail)
            except (asyncio.CancelledError, _StoppedError):
                result = DeliveryResult(
                    outcome=DeliveryOutcome.DEFERRED, detail="the bridge stops, and has not read it"
                )
            except Exception as error:  # noqa: BLE001 - an event that meets a bug must still be kept somewhere
                self._log_internal_error(delivery, error)
                delivery.rejection = (Reason.INTERNAL, _BUG)
            if delivery.rejection[0]:
                result = await self._retry_until_deadline(delivery, self._dead_letter)
        except Exception as error:  # noqa: BLE001 - nor may one while it is dead-lettered: then it is nowhere
            self._log_internal_error(delivery, error)
            result = await self._defer(delivery, _BUG)
        finally:
            self._unregister_retry(delivery)
            self._telemetry.deliveries_in_flight -= 1
        self._telemetry.record_delivery(
            delivery.notification, result, delivery.event, self._loop.time() - received_at, delivery.ack_s
        )
        return result

    async def _decode_in_thread(self, delivery: DeliveryContext) -> str:
        """Decode a large body, whose small parts may take seconds, in a thread: others are served meanwhile.

        Events of one key keep their order but for those that overtake such a one while it is read.
        """
        if self._is_stopped:  # the executor accepts nothing more
            raise _StoppedError
        return await self._loop.run_in_executor(self._decode_executor, self._decode, delivery)

    def _log_internal_error(self, delivery: DeliveryContext, error: Exception) -> None:
        """Log a bug with its traceback, and count it."""
        log.error(
            "internal_error", app=delivery.notification.application.name, bytes=delivery.size, exc_info=error
        )
        self._telemetry.internal_errors.inc()

    async def _retry_until_deadline(self, delivery: DeliveryContext, attempt: _Attempt) -> DeliveryResult:
        """Call ``attempt`` until it succeeds or the deadline is reached; then defer the delivery."""
        while True:
            try:
                return await attempt(delivery)
            except _SendIndeterminateError:
                delivery.stop_retrying()
                detail = "Kafka has not answered yet, and the spool did not take it"
            except UnavailableError as error:
                detail = str(error)
            pause = delivery.next_backoff()
            if self._loop.time() + pause >= delivery.deadline:
                self._unregister_retry(delivery)
                return await self._defer(delivery, detail)
            self._register_retry(delivery)
            await asyncio.sleep(pause)

    def _register_retry(self, delivery: DeliveryContext) -> None:
        """Register a failed delivery so that later events of its key wait for it while it is retried."""
        if (
            (event := delivery.event) is None
            or delivery.retry
            or delivery.has_stopped_retrying
            or delivery.rejection[0]
        ):
            return
        record = event_record(event, DedupStamp(""), delivery.notification, self._routing)
        request = new_claim(delivery.notification.application.name, event.identity, event.format, 0, "")
        delivery.retry = Retry((record.topic, record.key), request, delivery.number)
        self._retries.add(delivery.retry)

    def _unregister_retry(self, delivery: DeliveryContext) -> None:
        if delivery.retry:
            self._retries.remove(delivery.retry)
            delivery.retry = None

    async def _wait_for_earlier(self, delivery: DeliveryContext, record: Record, claim: Claim) -> None:
        """Wait until no earlier event of the key is retried. Raises `UnavailableError` at the deadline."""
        while earlier := self._retries.find_earlier((record.topic, record.key), claim, delivery.number):
            if not await self._hold.wait(earlier.done, delivery.deadline, delivery.size, slow=True):
                raise UnavailableError("an earlier event of its key is not durable yet")

    def _decode(self, delivery: DeliveryContext) -> str:
        """Authorize and decode. Sets ``delivery.event``, or returns why the delivery is unauthorized."""
        delivery.event, unauthorized = read_authorized(delivery.notification, delivery.size)
        return unauthorized

    async def _publish_once(self, delivery: DeliveryContext) -> DeliveryResult:
        """Claim, publish, commit. Raises if the event is not durable; its claim is released then."""
        event = delivery.event
        assert event is not None  # noqa: S101 - what has none is not attempted
        request = self._new_claim(delivery, event)
        claim, in_flight = await self._in_flight.claim_or_join(request, delivery.deadline, delivery.size)
        if in_flight is None:
            return self._duplicate_result(event, claim, DeliveryOutcome.DUPLICATE)
        deduplicated = claim.status is not ClaimStatus.UNAVAILABLE
        stamp = DedupStamp(claim.event_id, deduplicated, claim.revision)
        try:
            record = event_record(event, stamp, delivery.notification, self._routing)
            if self._retries:
                await self._wait_for_earlier(delivery, record, claim)
            sent_at = self._loop.time()
            write = self._writer.send(record)
        except BaseException:
            await self._in_flight.abandon(in_flight)
            raise
        self._in_flight.track(in_flight, write.durable, delivery)
        await self._await_send(delivery, write, in_flight.done)
        outcome = write.durable.result()
        if outcome is DeliveryOutcome.PUBLISHED:
            delivery.ack_s = in_flight.sent_at - sent_at
        return DeliveryResult(outcome, stamp.id, event.type, record.topic)

    def _duplicate_result(
        self, event: DecodedEvent, claim: Claim, outcome: DeliveryOutcome
    ) -> DeliveryResult:
        topic = self._routing.topic_of(event, claim.app)
        return DeliveryResult(outcome, claim.event_id, event.type, topic)

    def _new_claim(self, delivery: DeliveryContext, event: DecodedEvent) -> Claim:
        self._claim_seq += 1
        delivery.number = delivery.number or self._claim_seq
        notification = delivery.notification
        token = f"{self._process_id}{self._claim_seq & 0xFFFFFFFF:08x}"
        app, at_ms = notification.application.name, notification.received_ms
        request = new_claim(app, event.identity, event.format, at_ms, token)
        return replace(request, audit=True) if notification.mode == "audit" else request

    async def _await_send(
        self, delivery: DeliveryContext, write: WriteHandle, done: Promise[bool] | Promise[DeliveryOutcome]
    ) -> None:
        """Wait for the result of a send. Raises `UnavailableError` if it was withdrawn at the deadline."""
        if not await self._hold.wait(done, delivery.deadline, delivery.size, slow=not self._writer.accepting):
            if write.withdraw():
                delivery.stop_retrying()
                raise UnavailableError("neither Kafka nor the spool takes records")
            if write.durable.done():
                await wait_for(done, _COMMIT_WAIT_S)
        if not write.durable.done():
            # It may be written yet: redeliveries join the event in flight meanwhile.
            self._telemetry.sends_indeterminate.inc()
            write.durable.on_done(self._telemetry.sends_indeterminate.dec)
            raise _SendIndeterminateError

    async def _dead_letter(self, delivery: DeliveryContext) -> DeliveryResult:
        """Write a rejected notification to the dead-letter topic. Returns once it is durable."""
        reason, detail = delivery.rejection
        record = dead_letter(delivery.notification, reason, detail, self._routing)
        write = self._writer.send(record)
        await self._await_send(delivery, write, write.durable)
        try:
            write.durable.result()
        except RejectedError as rejected:
            raise UnavailableError(rejected.detail) from None  # no other topic is left for it
        return DeliveryResult(
            outcome=DeliveryOutcome.REJECTED, topic=record.topic, reason=reason, detail=detail
        )

    async def _defer(self, delivery: DeliveryContext, detail: str) -> DeliveryResult:
        """Withhold the response until the hold is over: nothing is durable, no answer may look like a yes.

        The body is freed meanwhile, and with it what was decoded from it, which are views of its bytes.
        """
        delivery.notification = replace(delivery.notification, body=b"", received=b"")
        event_type = ""
        if delivery.event is not None:
            event_type = delivery.event.type
            delivery.event = replace(delivery.event, payload=Raw(), original=UNSET)
        await self._hold.withhold_response(delivery.deadline)
        return DeliveryResult(outcome=DeliveryOutcome.DEFERRED, event_type=event_type, detail=detail)
