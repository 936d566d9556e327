"""Small stand-ins for the world outside: a memory and a writer in this process, with switches for faults.

They pass the same suites as the real ones (`tests.contracts`).
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

from msgspec.structs import replace

from bridge.core.claim import Answer, Claim
from bridge.core.event import Record
from bridge.core.outcome import Ending, Unavailable
from bridge.telling import Told

LEASE_MS = 3_000
WINDOW_MS = 900_000


T = TypeVar("T")


def _soon(answer: Callable[[], T]) -> Told[T]:
    told: Told[T] = Told()
    asyncio.get_running_loop().call_soon(lambda: told.tell(answer()))
    return told


class FakeMemory:
    """A memory in a dictionary. ``away`` makes it answer as if Redis were; ``now_ms`` is its clock."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.away = False
        self.renewed: list[Claim] = []
        self._latest: dict[str, str] = {}
        self._known: dict[str, dict[str, str | int]] = {}

    def claim(self, claim: Claim) -> Told[Claim]:
        """Answer as memory.lua does, a moment later."""
        return _soon(lambda: self._answer(claim))

    def commit(self, claim: Claim) -> Told[bool]:
        """Remember as memory.lua does: a foreign owner stops us, a missing key is written."""
        return _soon(lambda: self._commit(claim))

    def release(self, claim: Claim) -> Told[bool]:
        """Forget a claim of its owner's."""
        return _soon(lambda: self._release(claim))

    def _answer(self, claim: Claim) -> Claim:
        if self.away:
            return replace(claim, answer=Answer.AWAY)
        answer = self._claim(claim)
        return self._claim(claim.revised()) if answer.answer is Answer.REVISED else answer

    def _claim(self, claim: Claim) -> Claim:
        known = self._known.get(claim.key)
        if known and claim.group and self._latest.get(claim.group) != claim.key:
            known = None
        if known is None or int(known.get("forget", self.now_ms() + 1)) <= self.now_ms():
            self._known[claim.key] = self._claimed(
                claim, claim.first_ms, {claim.format: claim.identity.digest}
            )
            if claim.group:
                self._latest[claim.group] = claim.key
            return replace(claim, answer=Answer.FRESH)
        return self._known_already(claim, known)

    def _known_already(self, claim: Claim, known: dict[str, str | int]) -> Claim:
        first = int(known["first"])
        digest = known.get(claim.format)
        if digest is not None and digest != claim.identity.digest and not claim.audit:
            answer = Answer.REVISED
        elif known["owner"] and known["owner"] != claim.token and int(known["lease"]) > self.now_ms():
            answer = Answer.HELD
        elif known["owner"]:
            known.update(self._claimed(claim, first, {claim.format: claim.identity.digest}))
            answer = Answer.FRESH
        elif digest is not None or claim.first_ms - first <= WINDOW_MS:
            known.setdefault(claim.format, claim.identity.digest)
            answer = Answer.SEEN
        else:
            answer = Answer.SEEN if claim.audit else Answer.REVISED
        return replace(claim, answer=answer, first_ms=first)

    def _commit(self, claim: Claim) -> bool:
        if self.away:
            return False
        known = self._known.setdefault(
            claim.key, self._claimed(claim, claim.first_ms, {claim.format: claim.identity.digest})
        )
        if known["owner"] == claim.token:
            known["owner"] = ""
            if claim.identity.recurring:
                known["forget"] = self.now_ms() + 60_000
        return True

    def _release(self, claim: Claim) -> bool:
        if not self.away and self._known.get(claim.key, {}).get("owner") == claim.token:
            del self._known[claim.key]
        return not self.away

    async def renew(self, claims: Iterable[Claim]) -> None:
        """Lengthen the leases of their owners'."""
        for claim in claims:
            self.renewed.append(claim)
            known = self._known.get(claim.key)
            if known and known["owner"] == claim.token:
                known["lease"] = self.now_ms() + LEASE_MS

    def flush(self) -> None:
        """Forget everything, as FLUSHALL would."""
        self._known.clear()

    def _claimed(self, claim: Claim, first_ms: int, digests: dict[str, str]) -> dict[str, str | int]:
        return {"owner": claim.token, "lease": self.now_ms() + LEASE_MS, "first": first_ms, **digests}


class FakeTicket:
    """A record on its way to nowhere; the test decides its end."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.entered = True
        self.durable = Told[Ending]()

    def withdraw(self) -> bool:
        """Take it back, unless it has entered the producer."""
        if self.entered or self.durable.done():
            return False
        self.durable.fail(Unavailable("withdrawn"))
        return True


class FakeWriter:
    """A writer that keeps records in a list.

    ``fates`` decide of the next tickets: an ending or an error ends it, ``...`` leaves it open in the
    producer, "waits" before it (as every record for one of the ``missing`` topics). ``full`` refuses at once.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.tickets: list[FakeTicket] = []
        self.fates: list[object] = []
        self.flowing = True
        self.missing = {"waiting"}
        self.full = False

    def send(self, record: Record) -> FakeTicket:
        """Send ``record`` to its fate: the next of ``fates``, well where there is none."""
        if self.full:
            raise Unavailable("no room")
        ticket = FakeTicket(record)
        self.tickets.append(ticket)
        well = "waits" if record.topic in self.missing else Ending.PUBLISHED
        fate = self.fates.pop(0) if self.fates else well
        if fate == "waits":
            ticket.entered = False
        elif fate is not ...:
            self.end(ticket, fate)
        return ticket

    def end(self, ticket: FakeTicket, fate: object = Ending.PUBLISHED) -> None:
        """End a ticket that was left open."""
        if isinstance(fate, Ending):
            self.records.append(ticket.record)
            ticket.durable.tell(fate)
        elif isinstance(fate, Exception):
            ticket.durable.fail(fate)
