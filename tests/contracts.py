"""What every dedup store must do, fake or real. The suite is a class that the tests of each inherit."""

from msgspec.structs import replace

from bridge.core.claim import Claim, ClaimStatus, new_claim
from bridge.core.event import Format, Identity
from bridge.delivery.ports import DedupStore

NOW_MS = 1_763_700_000_000


class Clock:
    """A clock that the test sets; unix milliseconds."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        """Return the time."""
        return self.now_ms


def make_claim(  # noqa: PLR0913 - a test names the one it means
    key: str = "EditMediaComplete:t1:FINISH",
    digest: str = "0" * 16,
    *,
    token: str = "a" * 16,
    format: Format = "v3",  # noqa: A002 - the field's name
    at_ms: int = NOW_MS,
    recurring: bool = False,
    latest_state_group: str = "",
    audit: bool = False,
    app: str = "shop",
) -> Claim:
    """Make a claim request."""
    identity = Identity(key=key, digest=digest, recurring=recurring, latest_state_group=latest_state_group)
    return replace(new_claim(app, identity, format, at_ms, token), audit=audit)


ONE, TWO = "1" * 16, "2" * 16
OTHER = "f" * 16


class DedupStoreContract:
    """The suite. ``dedup`` is the store under test, empty at the start of each test."""

    dedup: DedupStore

    async def _status(self, claim: Claim) -> ClaimStatus:
        return (await self.dedup.claim(claim)).status

    async def _revision_status(self, claim: Claim) -> ClaimStatus:
        answer = await self.dedup.claim(claim)
        assert (answer.key, answer.revision) == (claim.as_revision().key, True)
        return answer.status

    async def _claim_and_commit(self, claim: Claim) -> Claim:
        held = await self.dedup.claim(claim)
        assert held.status is ClaimStatus.ACQUIRED
        await self.dedup.commit(held)
        return held

    async def test_the_first_is_acquired_and_a_repeat_of_what_is_durable_is_a_duplicate(self) -> None:
        await self._claim_and_commit(make_claim(token=ONE))
        assert await self._status(make_claim(token=TWO)) is ClaimStatus.DUPLICATE

    async def test_what_another_works_on_is_held(self) -> None:
        assert await self._status(make_claim(token=ONE)) is ClaimStatus.ACQUIRED
        assert await self._status(make_claim(token=TWO)) is ClaimStatus.HELD

    async def test_an_owner_that_claims_again_is_still_the_owner(self) -> None:
        assert await self._status(make_claim(token=ONE)) is ClaimStatus.ACQUIRED
        assert await self._status(make_claim(token=ONE)) is ClaimStatus.ACQUIRED

    async def test_what_was_released_can_be_acquired_again(self) -> None:
        held = await self.dedup.claim(make_claim(token=ONE))
        await self.dedup.release(held)
        assert await self._status(make_claim(token=TWO)) is ClaimStatus.ACQUIRED

    async def test_nobody_releases_what_another_owns(self) -> None:
        await self.dedup.claim(make_claim(token=ONE))
        await self.dedup.release(make_claim(token=TWO))
        assert await self._status(make_claim(token=TWO)) is ClaimStatus.HELD

    async def test_nobody_commits_what_another_owns(self) -> None:
        await self.dedup.claim(make_claim(token=ONE))
        await self.dedup.commit(make_claim(token=TWO))
        assert await self._status(make_claim(token=OTHER)) is ClaimStatus.HELD

    async def test_a_commit_of_what_was_forgotten_is_written(self) -> None:
        await self.dedup.commit(make_claim(token=ONE))
        assert await self._status(make_claim(token=TWO)) is ClaimStatus.DUPLICATE

    async def test_other_content_is_a_revision_whether_finished_or_not(self) -> None:
        held = await self.dedup.claim(make_claim(token=ONE))
        assert await self._revision_status(make_claim(token=TWO, digest=OTHER)) is ClaimStatus.ACQUIRED
        await self.dedup.commit(held)
        assert await self._revision_status(make_claim(token=TWO, digest="e" * 16)) is ClaimStatus.ACQUIRED
        assert await self._status(make_claim(token=TWO)) is ClaimStatus.DUPLICATE

    async def test_a_revision_is_claimed_in_the_call_that_finds_it(self) -> None:
        await self._claim_and_commit(make_claim(token=ONE))
        revised = make_claim(token=TWO, digest=OTHER, at_ms=NOW_MS + 7)
        held = await self.dedup.claim(revised)
        assert held == replace(revised.as_revision(), status=ClaimStatus.ACQUIRED)
        assert await self._status(revised) is ClaimStatus.ACQUIRED  # its owner's
        other = make_claim(token=ONE, digest=OTHER)
        assert await self._revision_status(other) is ClaimStatus.HELD
        await self.dedup.release(held)
        assert await self._revision_status(other) is ClaimStatus.ACQUIRED
        await self.dedup.commit(replace(other.as_revision(), status=ClaimStatus.ACQUIRED))
        duplicate = await self.dedup.claim(revised)
        assert (duplicate.status, duplicate.key, duplicate.first_ms) == (
            ClaimStatus.DUPLICATE,
            revised.as_revision().key,
            NOW_MS,
        )

    async def test_a_revision_is_remembered_under_its_own_id(self) -> None:
        await self._claim_and_commit(make_claim(token=ONE))
        revised = make_claim(token=TWO, digest=OTHER).as_revision()
        assert revised.event_id == f"EditMediaComplete:t1:FINISH#{OTHER}"
        await self._claim_and_commit(revised)
        assert await self._status(make_claim(token=ONE, digest=OTHER).as_revision()) is ClaimStatus.DUPLICATE

    async def test_an_audit_never_makes_a_revision(self) -> None:
        await self._claim_and_commit(make_claim(token=ONE))
        assert await self._status(make_claim(token=TWO, digest=OTHER, audit=True)) is ClaimStatus.DUPLICATE

    async def test_an_audit_of_what_is_only_claimed_waits_for_its_end_whatever_its_content(self) -> None:
        claim = await self.dedup.claim(make_claim(token=ONE))
        audit = make_claim(token=TWO, digest=OTHER, audit=True)
        assert await self._status(audit) is ClaimStatus.HELD
        await self.dedup.release(claim)
        assert await self._status(audit) is ClaimStatus.ACQUIRED

    async def test_the_other_formats_first_copy_is_a_duplicate_within_a_quarter_of_an_hour(self) -> None:
        await self._claim_and_commit(make_claim(token=ONE))
        soon = NOW_MS + 900_000
        legacy = make_claim(token=TWO, format="legacy", digest=OTHER, at_ms=soon)
        assert await self._status(legacy) is ClaimStatus.DUPLICATE
        later = make_claim(token=TWO, format="legacy", digest=OTHER, at_ms=soon + 900_000)
        assert await self._status(later) is ClaimStatus.DUPLICATE
        changed = make_claim(token=TWO, format="legacy", digest="e" * 16, at_ms=soon)
        assert await self._revision_status(changed) is ClaimStatus.ACQUIRED

    async def test_the_other_formats_first_copy_is_a_revision_later(self) -> None:
        await self._claim_and_commit(make_claim(token=ONE))
        legacy = make_claim(token=TWO, format="legacy", digest=OTHER, at_ms=NOW_MS + 900_001)
        assert await self._revision_status(legacy) is ClaimStatus.ACQUIRED

    async def test_the_other_format_waits_for_what_is_in_flight(self) -> None:
        await self.dedup.claim(make_claim(token=ONE))
        assert await self._status(make_claim(token=TWO, format="legacy", digest=OTHER)) is ClaimStatus.HELD

    async def test_a_redelivery_gets_the_first_ones_time(self) -> None:
        await self._claim_and_commit(make_claim("FileDeleted#0", token=ONE, recurring=True))
        again = await self.dedup.claim(
            make_claim("FileDeleted#0", token=TWO, recurring=True, at_ms=NOW_MS + 5)
        )
        assert again.status is ClaimStatus.DUPLICATE
        assert again.event_id == f"FileDeleted#0@{NOW_MS}"

    async def test_of_a_group_only_a_repeat_of_the_latest_state_is_a_duplicate(self) -> None:
        working = make_claim("Cast:c:Working", token=ONE, recurring=True, latest_state_group="Cast:c")
        idle = make_claim("Cast:c:Idle", token=ONE, recurring=True, latest_state_group="Cast:c")
        await self._claim_and_commit(working)
        await self._claim_and_commit(idle)
        assert await self._status(
            make_claim("Cast:c:Idle", token=TWO, recurring=True, latest_state_group="Cast:c")
        ) is (ClaimStatus.DUPLICATE)
        again = make_claim(
            "Cast:c:Working", token=TWO, recurring=True, latest_state_group="Cast:c", at_ms=NOW_MS + 9
        )
        held = await self.dedup.claim(again)
        assert (held.status, held.first_ms) == (ClaimStatus.ACQUIRED, NOW_MS + 9)
