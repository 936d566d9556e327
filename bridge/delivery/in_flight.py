"""The events in flight in this process: joins redeliveries, renews leases, commits or releases claims.

An event is in flight from its claim until it is durable and committed, or known not to become durable; once
its record is sent, this no longer depends on the delivery that began it. Other deliveries of the same event
wait for it here instead of claiming it. Nothing here knows Redis or Kafka.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from msgspec import Struct, field

from bridge.aio.inline_task import wait
from bridge.aio.promise import Promise
from bridge.aio.supervisor import supervise
from bridge.core.claim import Claim, ClaimStatus
from bridge.core.outcome import DeliveryOutcome, UnavailableError
from bridge.delivery.hold import HoldLimiter, HoldPolicy
from bridge.delivery.ports import DedupStore
from bridge.observability.telemetry import Telemetry

D = TypeVar("D")

# Checked, or known to be unchecked: the event is published.
_PUBLISHABLE = (ClaimStatus.ACQUIRED, ClaimStatus.UNAVAILABLE)


class InFlightEvent(Struct, eq=False):
    """One event in flight. ``done`` resolves to whether it became durable.

    ``claim``: request, replaced by the store's reply. ``lease_held``: we own the lease in Redis. ``sent_at``:
    monotonic seconds when the write finished, 0.0 before. ``durable``: it is in Kafka or the spool.
    """

    claim: Claim
    started_at: float
    lease_held: bool = False
    sent_at: float = 0.0
    durable: bool = False
    done: Promise[bool] = field(default_factory=Promise)


class InFlightRegistry(Generic[D]):
    """All events in flight in this process, by claim key.

    ``on_failure`` is called inline with a delivery when its record is known not to be durable.
    """

    def __init__(
        self,
        dedup: DedupStore,
        hold: HoldLimiter,
        policy: HoldPolicy,
        telemetry: Telemetry,
        on_failure: Callable[[D], None],
    ) -> None:
        self._on_failure = on_failure
        self._dedup = dedup
        self._hold = hold
        self._policy = policy
        self._telemetry = telemetry
        self._by_key: dict[str, InFlightEvent] = {}
        self._latest_by_group: dict[str, str] = {}
        self._renewer: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Start to renew the leases of events in flight."""
        self._renewer = asyncio.create_task(supervise(self._renew_leases, self._telemetry))

    async def stop(self, seconds: float) -> None:
        """Wait at most ``seconds`` for the events in flight."""
        if self._by_key:
            done = [in_flight.done.as_future() for in_flight in self._by_key.values()]
            await asyncio.wait(done, timeout=max(0.0, seconds))
        if self._renewer is not None:
            self._renewer.cancel()

    async def claim_or_join(
        self, request: Claim, deadline: float, size: int
    ) -> tuple[Claim, InFlightEvent | None]:
        """Claim the event, or join the delivery of it that is in flight.

        Returns the claim, and the in-flight event to publish; None for a duplicate of a durable event. Raises
        `UnavailableError` at ``deadline`` (monotonic seconds). ``size`` bytes are held meanwhile.
        """
        while True:
            other = self._by_key.get(request.key)
            group = request.state_group
            # Of a group, only the latest state can be repeated (vod-domain §8).
            if other is None or (group and self._latest_by_group.get(group) != request.key):
                in_flight = self._register(request)
                try:
                    claim = await wait(self._dedup.claim(request))
                    if claim.status is ClaimStatus.ACQUIRED and claim.key == request.key:
                        in_flight.claim, in_flight.lease_held = claim, True
                        return claim, in_flight
                    if claim.status is not ClaimStatus.ACQUIRED:
                        claim = await self._resolve_unavailable(claim, request, deadline)
                except BaseException:
                    self._finish(in_flight)
                    raise
                in_flight = self._apply(claim, in_flight)
                match claim.status:
                    case ClaimStatus.ACQUIRED | ClaimStatus.UNAVAILABLE:
                        return claim, in_flight
                    case ClaimStatus.DUPLICATE:
                        return claim, None
                request = request.as_revision()
            elif request.is_revision_of(other.claim):
                request = request.as_revision()
            elif await self._join(other, request, deadline, size):
                return other.claim, None

    def _apply(self, claim: Claim, in_flight: InFlightEvent) -> InFlightEvent:
        """Apply the store's reply. Returns the event in flight; it has ended if it is not to be published.

        A revision, which was claimed in the call that found it, is another event and takes its place.
        """
        is_same_event = claim.key == in_flight.claim.key
        if is_same_event:
            in_flight.claim = claim
        elif claim.status is ClaimStatus.ACQUIRED:
            first, in_flight = in_flight, self._register(claim)
            self._finish(first)
        in_flight.lease_held = claim.status is ClaimStatus.ACQUIRED
        if claim.status not in _PUBLISHABLE:
            in_flight.durable = is_same_event and claim.status is ClaimStatus.DUPLICATE
            self._finish(in_flight)
        return in_flight

    async def _join(self, other: InFlightEvent, request: Claim, deadline: float, size: int) -> bool:
        """Wait for another delivery of the event. Returns whether its result holds for this one, too."""
        if not await self._hold.wait(other.done, deadline, size, slow=False):
            raise UnavailableError("another delivery of this event is still under way")
        return other.done.result() and other.claim.format == request.format

    async def abandon(self, in_flight: InFlightEvent, delivery: D, error: BaseException) -> None:
        """Release the claim of an event that was not sent, by ``error``; a waiting delivery takes over."""
        if isinstance(error, UnavailableError):  # a later event of its key is not to be sent meanwhile
            self._on_failure(delivery)
        released = self._dedup.release(in_flight.claim)
        released.on_done(partial(self._finish, in_flight))
        await wait(released)

    def on_sent(self, in_flight: InFlightEvent, durable: Promise[DeliveryOutcome], delivery: D) -> None:
        """Commit or release the claim once ``durable`` is done, before who waits for the event goes on."""
        in_flight.sent_at = self._loop.time()
        in_flight.durable = durable.exception is None
        try:
            if isinstance(durable.exception, UnavailableError):
                self._on_failure(delivery)
        finally:
            # A death between the acknowledgement and this commit repeats the event, under the same id.
            settle = self._dedup.commit if in_flight.durable else self._dedup.release
            settle(in_flight.claim).on_done(partial(self._finish, in_flight))

    async def _resolve_unavailable(self, claim: Claim, request: Claim, deadline: float) -> Claim:
        """Wait for another process's claim; without the store, proceed only if `fail_open` allows it."""
        if claim.status is ClaimStatus.HELD and claim.key == request.key:
            claim = await self._wait_for_other_owner(request, deadline)
        if claim.status is ClaimStatus.UNAVAILABLE and not self._policy.fail_open:
            raise UnavailableError("Redis is unavailable, and events are held meanwhile")
        return claim

    async def _wait_for_other_owner(self, request: Claim, deadline: float) -> Claim:
        """Claim again, at growing intervals, until the other process is done."""
        pause = self._policy.initial_backoff_s / 2
        while self._loop.time() + pause < deadline:
            await asyncio.sleep(pause)
            claim = await wait(self._dedup.claim(request))
            if claim.status is not ClaimStatus.HELD or claim.key != request.key:
                return claim
            pause = min(2 * pause, 1.0)
        raise UnavailableError("another bridge is still at work on this event")

    def _register(self, claim: Claim) -> InFlightEvent:
        in_flight = self._by_key[claim.key] = InFlightEvent(claim, self._loop.time())
        if claim.state_group:
            self._latest_by_group[claim.state_group] = claim.key
        return in_flight

    def _finish(self, in_flight: InFlightEvent) -> None:
        claim = in_flight.claim
        if self._by_key.get(claim.key) is in_flight:
            del self._by_key[claim.key]
            if claim.state_group and self._latest_by_group.get(claim.state_group) == claim.key:
                del self._latest_by_group[claim.state_group]
        if in_flight.done.pending:
            in_flight.done.set_result(in_flight.durable)

    async def _renew_leases(self) -> None:
        """Renew the leases of events in flight; give up events whose send is unknown for too long."""
        while True:
            await asyncio.sleep(self._policy.lease_renew_s)
            now = self._loop.time()
            held = []
            for in_flight in list(self._by_key.values()):
                if now - in_flight.started_at > self._policy.indeterminate_ttl_s:
                    self._finish(in_flight)
                elif in_flight.lease_held and now - in_flight.started_at > self._policy.lease_renew_s / 2:
                    held.append(in_flight.claim)
            await self._dedup.renew(held)
