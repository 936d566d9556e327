"""One application's line to Redis: what one call takes along, and when the next one leaves.

What is said and asked in a call is told in the package's own file.
"""

import asyncio
from collections.abc import Callable, Coroutine
from operator import attrgetter

from msgspec import Struct

from bridge.aio.promise import Promise
from bridge.core.claim import Claim
from bridge.io.dedup.breaker import CircuitBreaker

_MAX_BATCH = 256
_LINGER_MIN_BATCH = 8

_KEY, _STATE_GROUP = attrgetter("key"), attrgetter("state_group")


class ClaimBatch(Struct):
    """What one call says and asks: how claims ended, and questions; each with its text and who is told."""

    settlements: list[Claim] = []
    encoded_settlements: list[str] = []
    settled: list[Promise[bool]] = []
    claims: list[Claim] = []
    encoded_claims: list[str] = []
    results: list[Promise[Claim]] = []

    def __len__(self) -> int:
        return len(self.settlements) + len(self.claims)

    def keys(self) -> list[str]:
        """List all keys, in the order in which dedup.lua reads them."""
        questions = self.claims
        return [
            *map(_KEY, self.settlements),
            *map(_KEY, questions),
            *filter(None, map(_STATE_GROUP, questions)),
        ]

    def split(self) -> tuple["ClaimBatch", "ClaimBatch"]:
        """Cut it into what fits into one call, and what is left."""
        claim_share = min(len(self.claims), _MAX_BATCH // 2)  # renewals must not keep all questions waiting
        ends = min(len(self.settlements), _MAX_BATCH - claim_share)
        return self._slice(slice(ends), slice(_MAX_BATCH - ends)), self._slice(
            slice(ends, None), slice(_MAX_BATCH - ends, None)
        )

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
    """One application's line to Redis: a call is under way, what comes meanwhile leaves with the next.

    One call at a time keeps the order in which one process received its deliveries. Under load calls leave at
    least ``gather_s`` apart: a call costs as much as thirty of the events in it. ``carry`` makes a call of
    what it takes, and says when that is over. ``breaker`` is the application's own.
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
        """Ask for ``claim`` with the next call."""
        result: Promise[Claim] = Promise()
        queued = self._next
        queued.claims.append(claim)
        queued.encoded_claims.append(claim.encode_claim())
        queued.results.append(result)
        if not self.in_flight:
            self._flush()
        return result

    def settle(self, claim: Claim, settlement: str) -> Promise[bool]:
        """Say with the next call how ``claim`` ends; tells whether that was heard."""
        heard: Promise[bool] = Promise()
        queued = self._next
        queued.settlements.append(claim)
        queued.encoded_settlements.append(claim.encode_settlement(settlement))
        queued.settled.append(heard)
        if not self.in_flight:
            self._flush()
        return heard

    def next_batch(self) -> ClaimBatch:
        """Take what leaves with this call."""
        queued = self._next
        batch, self._next = (queued, ClaimBatch()) if len(queued) <= _MAX_BATCH else queued.split()
        self._sent_at, self._last_size = self._loop.time(), len(batch)
        return batch

    def batch_done(self) -> None:
        """Let the next call leave, where something waits for it."""
        queued = len(self._next)
        if not queued:
            self.in_flight = False
            return
        should_linger = (
            self._last_size >= _LINGER_MIN_BATCH and queued < _MAX_BATCH
        )  # a full call has nothing more to gather
        remaining_s = self._sent_at + self._linger_s - self._loop.time() if should_linger else 0
        if remaining_s > 0:
            self._loop.call_later(remaining_s, self._flush)
        else:
            self._flush()

    def _flush(self) -> None:
        self.in_flight = True
        # It takes what waits when its turn comes: deliveries read in one turn of the loop leave together.
        call = self._loop.create_task(self._send(self))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
