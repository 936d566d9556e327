"""Fakes of the dedup store and of the record writer, in this process, with switches for faults.

They pass the same suites as the real ones (`tests.contracts`).
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

from msgspec.structs import replace

from bridge.aio.promise import Promise
from bridge.core.claim import Claim, ClaimStatus
from bridge.core.event import Record
from bridge.core.outcome import DeliveryOutcome, UnavailableError

LEASE_MS = 3_000
WINDOW_MS = 900_000


T = TypeVar("T")


def _soon(answer: Callable[[], T]) -> Promise[T]:
    promise: Promise[T] = Promise()
    asyncio.get_running_loop().call_soon(lambda: promise.set_result(answer()))
    return promise


class FakeDedupStore:
    """A dedup store in a dictionary. ``unavailable``: answers as without Redis; ``now_ms`` is its clock."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.unavailable = False
        self.renewed: list[Claim] = []
        self._latest_by_group: dict[str, str] = {}
        self._entries: dict[str, dict[str, str | int]] = {}

    def claim(self, claim: Claim) -> Promise[Claim]:
        """Answer as dedup.lua does, a moment later."""
        return _soon(lambda: self._claim_or_revise(claim))

    def commit(self, claim: Claim) -> Promise[bool]:
        """Remember as dedup.lua does: a foreign owner stops us, a missing key is written."""
        return _soon(lambda: self._commit(claim))

    def release(self, claim: Claim) -> Promise[bool]:
        """Forget a claim of its owner's."""
        return _soon(lambda: self._release(claim))

    def _claim_or_revise(self, claim: Claim) -> Claim:
        if self.unavailable:
            return replace(claim, status=ClaimStatus.UNAVAILABLE)
        answer = self._claim(claim)
        return self._claim(claim.as_revision()) if answer.status is ClaimStatus.REVISED else answer

    def _claim(self, claim: Claim) -> Claim:
        entry = self._entries.get(claim.key)
        if entry and claim.state_group and self._latest_by_group.get(claim.state_group) != claim.key:
            entry = None
        if entry is None or int(entry.get("forget", self.now_ms() + 1)) <= self.now_ms():
            self._entries[claim.key] = self._new_entry(
                claim, claim.first_ms, {claim.format: claim.identity.digest}
            )
            if claim.state_group:
                self._latest_by_group[claim.state_group] = claim.key
            return replace(claim, status=ClaimStatus.ACQUIRED)
        return self._claim_known(claim, entry)

    def _claim_known(self, claim: Claim, entry: dict[str, str | int]) -> Claim:
        first = int(entry["first"])
        digest = entry.get(claim.format)
        if digest is not None and digest != claim.identity.digest and not claim.audit:
            answer = ClaimStatus.REVISED
        elif entry["owner"] and entry["owner"] != claim.owner_token and int(entry["lease"]) > self.now_ms():
            answer = ClaimStatus.HELD
        elif entry["owner"]:
            entry.update(self._new_entry(claim, first, {claim.format: claim.identity.digest}))
            answer = ClaimStatus.ACQUIRED
        elif digest is not None or claim.first_ms - first <= WINDOW_MS:
            entry.setdefault(claim.format, claim.identity.digest)
            answer = ClaimStatus.DUPLICATE
        else:
            answer = ClaimStatus.DUPLICATE if claim.audit else ClaimStatus.REVISED
        return replace(claim, status=answer, first_ms=first)

    def _commit(self, claim: Claim) -> bool:
        if self.unavailable:
            return False
        entry = self._entries.setdefault(
            claim.key, self._new_entry(claim, claim.first_ms, {claim.format: claim.identity.digest})
        )
        if entry["owner"] == claim.owner_token:
            entry["owner"] = ""
            if claim.identity.recurring:
                entry["forget"] = self.now_ms() + 60_000
        return True

    def _release(self, claim: Claim) -> bool:
        if not self.unavailable and self._entries.get(claim.key, {}).get("owner") == claim.owner_token:
            del self._entries[claim.key]
        return not self.unavailable

    async def renew(self, claims: Iterable[Claim]) -> None:
        """Lengthen the leases of their owners'."""
        for claim in claims:
            self.renewed.append(claim)
            entry = self._entries.get(claim.key)
            if entry and entry["owner"] == claim.owner_token:
                entry["lease"] = self.now_ms() + LEASE_MS

    def flush(self) -> None:
        """Forget everything, as FLUSHALL would."""
        self._entries.clear()

    def _new_entry(self, claim: Claim, first_ms: int, digests: dict[str, str]) -> dict[str, str | int]:
        return {"owner": claim.owner_token, "lease": self.now_ms() + LEASE_MS, "first": first_ms, **digests}


class FakePendingWrite:
    """A record on its way to nowhere; the test decides its end."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.in_producer = True
        self.durable = Promise[DeliveryOutcome]()

    def withdraw(self) -> bool:
        """Take it back, unless it has entered the producer."""
        if self.in_producer or self.durable.done():
            return False
        self.durable.set_exception(UnavailableError("withdrawn"))
        return True


class FakeWriter:
    """A writer that keeps records in a list.

    ``scripted_results`` decide the next writes: an outcome or an error ends one, ``...`` leaves it open in
    the producer, "waits" before it (as every record of ``missing_topics``). ``full`` refuses at once.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.writes: list[FakePendingWrite] = []
        self.scripted_results: list[object] = []
        self.accepting = True
        self.missing_topics = {"waiting"}
        self.full = False

    def send(self, record: Record) -> FakePendingWrite:
        """Send ``record``: its result is the next scripted one, published if there is none."""
        if self.full:
            raise UnavailableError("the buffer is full")
        write = FakePendingWrite(record)
        self.writes.append(write)
        default_result = "waits" if record.topic in self.missing_topics else DeliveryOutcome.PUBLISHED
        result = self.scripted_results.pop(0) if self.scripted_results else default_result
        if result == "waits":
            write.in_producer = False
        elif result is not ...:
            self.finish(write, result)
        return write

    def finish(self, write: FakePendingWrite, result: object = DeliveryOutcome.PUBLISHED) -> None:
        """End a write that was left open."""
        if isinstance(result, DeliveryOutcome):
            self.records.append(write.record)
            write.durable.set_result(result)
        elif isinstance(result, Exception):
            write.durable.set_exception(result)
