"""The deduplication store in Redis: one Lua call for all claims and settlements since the last one.

What the results mean is in `core.claim`, how they are found in `dedup.lua`. Nothing here decides whether an
event is published.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import attrgetter

import structlog
from msgspec import Struct
from msgspec.structs import replace
from redis.asyncio import Redis, RedisCluster

from bridge.aio.promise import Promise
from bridge.aio.supervisor import supervise
from bridge.core.claim import COMMIT, RELEASE, RENEW, Claim, ClaimStatus, UnsyncedCommits, decode_results
from bridge.io.dedup.batcher import ClaimBatch, ClaimBatcher
from bridge.io.dedup.breaker import FAILURES_TO_OPEN, CircuitBreaker
from bridge.io.dedup.redis_errors import ERROR_ADVICE
from bridge.io.dedup.script import Script
from bridge.io.dedup.timed_call import TimedCall
from bridge.observability.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_RESYNC_BATCH = 256
_PROBE_TTL_MS = "1000"
# At the brim of maxmemory a small write succeeds now and then, as the buffers of clients come and go. A probe
# of a full Redis carries so much more with it, which Redis counts before it decides whether it is full.
_FULL_PROBE_PADDING = "-" * (256 * 1024)
_OnReply = Callable[[str | None], None]
_KEY, _STATE_GROUP, _STATUS = attrgetter("key"), attrgetter("state_group"), attrgetter("status")


class DedupLimits(Struct, frozen=True, kw_only=True):
    """Limits of the store, in the units of their names.

    ``call_timeout_s``: a call that takes longer counts as failed, and its events go on unchecked.
    ``linger_s``: under load calls leave so far apart. ``lease_ms``: how long a claim outlives its owner.
    ``claim_ttl_ms``: how long an unfinished claim is kept. ``window_ms``: within it another format's copy is
    the same delivery. ``remember_ms``, ``remember_recurring_ms``: how long a committed event is remembered.
    """

    call_timeout_s: float = 0.25
    probe_interval_s: float = 1.0
    linger_s: float = 0.004
    lease_ms: int = 3_000
    claim_ttl_ms: int = 60_000
    window_ms: int = 900_000
    remember_ms: int = 4 * 86_400_000
    remember_recurring_ms: int = 60_000


class RedisDedup:
    """`DedupStore` on Redis. Without Redis every claim resolves to UNAVAILABLE within ``call_timeout_s``.

    ``now_ms`` is the wall clock in unix milliseconds. ``apps`` are the applications that are probed at the
    start, so that a Redis that does not serve them is known before their first delivery.
    """

    def __init__(
        self,
        redis: Redis | RedisCluster,
        telemetry: Telemetry,
        now_ms: Callable[[], int],
        limits: DedupLimits,
        apps: Iterable[str] = (),
    ) -> None:
        self._redis = redis
        self._telemetry = telemetry
        self._now_ms = now_ms
        self._limits = limits
        self._script = Script(redis, "dedup.lua")
        self._batchers: dict[str, ClaimBatcher] = {}
        ttl_values = (
            limits.lease_ms,
            limits.claim_ttl_ms,
            limits.window_ms,
            limits.remember_ms,
            limits.remember_recurring_ms,
        )
        self._ttl_args = tuple(map(str, ttl_values))
        # Those of a probe: what it writes expires a moment later.
        self._probe_ttl_args = (_PROBE_TTL_MS, _PROBE_TTL_MS, *self._ttl_args[2:])
        self._probe_count = 0
        self._unsynced = UnsyncedCommits(window_ms=limits.window_ms)
        self._apps = tuple(apps)
        self._loop = asyncio.get_running_loop()  # asked once: asking costs a system call
        self._start_call = partial(TimedCall, self._loop, limits.call_timeout_s, telemetry.dedup_call_seconds)
        self._probe_tasks: set[asyncio.Task[None]] = set()
        self._prober: asyncio.Task[None] | None = None

    @property
    def unavailable(self) -> Mapping[str, str]:
        """Applications that Redis does not serve, with the reason: an error code, or text for people."""
        return {
            app: batcher.breaker.reason for app, batcher in self._batchers.items() if batcher.breaker.is_open
        }

    def start(self) -> None:
        """Start to probe the applications that are not served, and to retry commits that failed."""
        self._prober = asyncio.create_task(supervise(self._probe_loop, self._telemetry))

    async def stop(self) -> None:
        """Retry the failed commits once more, then close the connections. Takes at most one call."""
        if self._prober is not None:
            self._prober.cancel()
        await self._resync_commits()
        await self._redis.aclose()

    def claim(self, claim: Claim) -> Promise[Claim]:
        """Claim an event. In the result ``first_ms`` is when its first delivery was received."""
        known = self._unsynced.lookup(claim) if self._unsynced.claims else None
        batcher = self._batchers.get(claim.app) or self._batcher(claim.app)
        # While a call is in flight it is queued all the same: it must not overtake the queued ones.
        if known is None and batcher.breaker.is_open and not batcher.in_flight:
            known = replace(claim, status=ClaimStatus.UNAVAILABLE)
        if known is None:
            return batcher.claim(claim)
        self._telemetry.count_claims(known.status)
        promise: Promise[Claim] = Promise()
        promise.set_result(known)
        return promise

    def commit(self, claim: Claim) -> Promise[bool]:
        """Remember that the event is durable. If Redis does not acknowledge, this process remembers it."""
        # A death before Redis acknowledges this repeats the event under the same id; it is never lost.
        batcher = self._batchers.get(claim.app) or self._batcher(claim.app)
        return batcher.settle(claim, COMMIT)

    def release(self, claim: Claim) -> Promise[bool]:
        """Give the claim back: the event is not durable and will not be by this owner."""
        return self._batcher(claim.app).settle(claim, RELEASE)

    async def renew(self, claims: Iterable[Claim]) -> None:
        """Extend the leases: their owner is still working."""
        for settled in [self._batcher(claim.app).settle(claim, RENEW) for claim in claims]:
            await settled

    def _batcher(self, app: str) -> ClaimBatcher:
        batcher = self._batchers.get(app)
        if batcher is None:
            breaker = CircuitBreaker(app, self._on_breaker_change)
            batcher = self._batchers[app] = ClaimBatcher(breaker, self._send_batch, self._limits.linger_s)
        return batcher

    async def _send_batch(self, batcher: ClaimBatcher) -> None:
        """Make one call of the next batch and resolve its promises."""
        batch = batcher.next_batch()
        if batcher.breaker.is_open:
            self._deliver_results(batcher, batch, None)
            return
        settlements, claims = batch.settlements, batch.claims
        # Both in the order in which dedup.lua reads them.
        keys = [*map(_KEY, settlements), *map(_KEY, claims), *filter(None, map(_STATE_GROUP, claims))]
        encoded = "".join(batch.encoded_settlements), "".join(batch.encoded_claims)
        arguments: list[str | int] = [len(settlements), len(claims), *self._ttl_args, *encoded]
        on_reply = partial(self._deliver_results, batcher, batch)
        await self._script.run(keys, arguments, self._start_call(batcher.breaker, on_reply))

    def _deliver_results(self, batcher: ClaimBatcher, batch: ClaimBatch, reply: str | None) -> None:
        is_acknowledged = reply is not None
        results: list[Claim] = []
        if batch.claims:
            try:
                if reply is not None:
                    results = decode_results(batch.claims, reply[len(batch.settlements) :])
            except (LookupError, ValueError):  # a reply that no script of ours wrote
                pass
            results = results or [replace(claim, status=ClaimStatus.UNAVAILABLE) for claim in batch.claims]
        try:
            if not is_acknowledged:
                self._remember_unsynced(batch)
            for settled in batch.settled:
                settled.set_result(is_acknowledged)
            statuses = [*map(_STATUS, results)]
            for status in set(statuses):
                self._telemetry.count_claims(status, statuses.count(status))
            if reply and not reply.islower():  # capital letters are results of revisions
                self._telemetry.count_claims(ClaimStatus.REVISED, sum(map(str.isupper, reply)))
            for claim, claim_promise in zip(results, batch.results, strict=True):
                claim_promise.set_result(claim)
        finally:
            batcher.batch_done()

    def _remember_unsynced(self, batch: ClaimBatch) -> None:
        """Remember in this process the commits that Redis did not acknowledge."""
        limits = self._limits
        for claim, encoded in zip(batch.settlements, batch.encoded_settlements, strict=True):
            if encoded == claim.encode_settlement(COMMIT):
                remember_ms = limits.remember_recurring_ms if claim.identity.recurring else limits.remember_ms
                self._unsynced.add(claim, self._now_ms() + remember_ms)

    def _on_breaker_change(self, breaker: CircuitBreaker) -> None:
        """Log the change, once. The gauge is 1 while any application is not served."""
        self._telemetry.dedup_degraded.set(1 if self.unavailable else 0)
        if not breaker.is_open:
            log.warning("dedup_recovered", app=breaker.app, unsynced=len(self._unsynced.claims))
            return
        advice = ERROR_ADVICE.get(breaker.reason)
        log.warning(
            "dedup_unavailable",
            app=breaker.app,
            reason=breaker.reason,
            note=advice.message if advice else "Redis does not answer: nothing is checked for duplicates",
            remedy=advice.remedy if advice else "see `vod-bridge check`",
        )

    async def _probe_loop(self) -> None:
        # Before the first delivery: as many calls as open the breaker of an application that is not served.
        for _ in range(FAILURES_TO_OPEN):
            await self._probe_all([self._batcher(app) for app in self._apps])
        while True:
            await asyncio.sleep(self._limits.probe_interval_s)
            await self._probe_all([batcher for batcher in self._batchers.values() if batcher.breaker.is_open])
            while self._unsynced.claims and await self._resync_commits():
                pass

    async def _probe_all(self, batchers: Sequence[ClaimBatcher]) -> None:
        """Probe the applications concurrently."""
        replies = []
        for batcher in batchers:
            reply: Promise[str | None] = Promise()
            probe = self._loop.create_task(self._probe_app(batcher.breaker, reply.set_result))
            self._probe_tasks.add(probe)
            probe.add_done_callback(self._probe_tasks.discard)
            replies.append(reply)
        for reply in replies:
            await reply

    async def _probe_app(self, breaker: CircuitBreaker, on_reply: _OnReply) -> None:
        """Claim an id that no event has. It writes: a Redis that refuses writes must not look well."""
        self._probe_count += 1
        token = f"{self._probe_count:016x}"
        key = f"vod:{{{breaker.app}}}:@probe:{os.getpid()}:{token}"  # no id begins with @
        encoded_claim = f"{self._now_ms():013}{token}v{token}-"
        padding = _FULL_PROBE_PADDING if breaker.reason == "OOM" else ""
        arguments: list[str | int] = [0, 1, *self._probe_ttl_args, "", encoded_claim, padding]
        await self._script.run([key], arguments, self._start_call(breaker, on_reply))

    async def _resync_commits(self) -> bool:
        """Commit again what Redis did not acknowledge. Returns whether it acknowledged any of it.

        If another owner has settled a claim meanwhile, that is acknowledged, too: either is enough.
        """
        claims = self._unsynced.oldest(_RESYNC_BATCH, self._now_ms(), self.unavailable)
        settled = await asyncio.gather(*map(self.commit, claims))
        for claim, acknowledged in zip(claims, settled, strict=True):
            if acknowledged:
                self._unsynced.discard(claim)
        return any(settled)
