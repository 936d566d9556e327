"""One application's batches of Redis calls: what one call carries, and when the next one is sent.

The content of a call is in `store`.
"""

import asyncio
from collections.abc import Callable, Coroutine

from msgspec import Struct

from bridge.aio.promise import Promise
from bridge.core.claim import Claim
from bridge.io.dedup.breaker import CircuitBreaker

_MAX_BATCH = 256
_LINGER_MIN_BATCH = 8


class ClaimBatch(Struct):
    """The settlements and claims of one call, each with its encoded text and the promise of its result."""

    settlements: list[Claim] = []
    encoded_settlements: list[str] = []
    settled: list[Promise[bool]] = []
    claims: list[Claim] = []
    encoded_claims: list[str] = []
    results: list[Promise[Claim]] = []

    def split(self) -> tuple["ClaimBatch", "ClaimBatch"]:
        """Split it into what fits into one call, and the rest."""
        claim_share = min(len(self.claims), _MAX_BATCH // 2)  # renewals must not keep all claims waiting
        settlement_count = min(len(self.settlements), _MAX_BATCH - claim_share)
        claim_count = _MAX_BATCH - settlement_count
        first = self._slice(slice(settlement_count), slice(claim_count))
        return first, self._slice(slice(settlement_count, None), slice(claim_count, None))

    def _slice(self, settlements: slice, claims: slice) -> "ClaimBatch":
        return ClaimBatch(
            self.settlements[settlements],
            self.encoded_settlements[settlements],
            self.settled[settlements],
            self.claims[claims],
            self.encoded_claims[claims],
            self.results[claims],
        )


class ClaimBatcher:
    """Sends one application's batches: while a call is in flight, the next batch gathers.

    One call at a time keeps the order in which one process received its deliveries. Under load calls leave at
    least ``linger_s`` apart: a call costs as much as thirty of the events in it. ``send`` takes `next_batch`,
    makes the call, and calls `batch_done` at its end. ``breaker`` is the application's own.
    """

    def __init__(
        self,
        breaker: CircuitBreaker,
        send: Callable[["ClaimBatcher"], Coroutine[None, None, None]],
        linger_s: float,
    ) -> None:
        self.breaker = breaker
        self._send = send
        self._linger_s = linger_s
        self._next = ClaimBatch()
        self._sent_at = 0.0
        self._last_size = 0
        self._calls: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self.in_flight = False

    def claim(self, claim: Claim) -> Promise[Claim]:
        """Send ``claim`` with the next call."""
        result: Promise[Claim] = Promise()
        queued = self._next
        queued.claims.append(claim)
        queued.encoded_claims.append(claim.encode_claim())
        queued.results.append(result)
        if not self.in_flight:
            self._flush()
        return result

    def settle(self, claim: Claim, settlement: str) -> Promise[bool]:
        """Send a settlement of ``claim`` with the next call. Resolves to whether Redis acknowledged it."""
        settled: Promise[bool] = Promise()
        queued = self._next
        queued.settlements.append(claim)
        queued.encoded_settlements.append(claim.encode_settlement(settlement))
        queued.settled.append(settled)
        if not self.in_flight:
            self._flush()
        return settled

    def next_batch(self) -> ClaimBatch:
        """Take the batch of this call."""
        batch = self._next
        size = len(batch.settlements) + len(batch.claims)
        if size <= _MAX_BATCH:
            self._next = ClaimBatch()
        else:
            batch, self._next = batch.split()
        self._sent_at, self._last_size = self._loop.time(), size
        return batch

    def batch_done(self) -> None:
        """Send the next call if something is queued."""
        queued = len(self._next.settlements) + len(self._next.claims)
        if not queued:
            self.in_flight = False
            return
        # A full call has nothing more to gather.
        should_linger = self._last_size >= _LINGER_MIN_BATCH and queued < _MAX_BATCH
        remaining_s = self._sent_at + self._linger_s - self._loop.time() if should_linger else 0
        if remaining_s > 0:
            self._loop.call_later(remaining_s, self._flush)
        else:
            self._flush()

    def _flush(self) -> None:
        self.in_flight = True
        # The task takes the batch when it runs: deliveries read in one turn of the loop leave together.
        call = self._loop.create_task(self._send(self))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
