"""What every memory must do, fake or real. A suite is a class; each makes one of it."""

from msgspec.structs import replace

from bridge.core.claim import Answer, Claim, question
from bridge.core.event import Format, Identity
from bridge.journeys import Memory

NOW_MS = 1_763_700_000_000


class Clock:
    """A clock that moves when it is told to; unix milliseconds."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        """Tell the time."""
        return self.now_ms


def asked(  # noqa: PLR0913 - a test names the one it means
    key: str = "EditMediaComplete:t1:FINISH",
    digest: str = "0" * 16,
    *,
    token: str = "a" * 16,
    format: Format = "v3",  # noqa: A002 - the field's name
    at_ms: int = NOW_MS,
    recurring: bool = False,
    latest_of: str = "",
    audit: bool = False,
    app: str = "shop",
) -> Claim:
    """Make a claim's question."""
    identity = Identity(key=key, digest=digest, recurring=recurring, latest_of=latest_of)
    return replace(question(app, identity, format, at_ms, token), audit=audit)


ONE, TWO = "1" * 16, "2" * 16
OTHER = "f" * 16


class MemoryContract:
    """The suite. ``memory`` is the one under test, empty at the start of each test."""

    memory: Memory

    async def _answer(self, claim: Claim) -> Answer:
        return (await self.memory.claim(claim)).answer

    async def _revision(self, claim: Claim) -> Answer:
        answer = await self.memory.claim(claim)
        assert (answer.key, answer.revision) == (claim.revised().key, True)
        return answer.answer

    async def _finish(self, claim: Claim) -> Claim:
        held = await self.memory.claim(claim)
        assert held.answer is Answer.FRESH
        await self.memory.commit(held)
        return held

    async def test_the_first_is_fresh_and_a_repeat_of_what_is_durable_is_seen(self) -> None:
        await self._finish(asked(token=ONE))
        assert await self._answer(asked(token=TWO)) is Answer.SEEN

    async def test_what_another_works_on_is_held(self) -> None:
        assert await self._answer(asked(token=ONE)) is Answer.FRESH
        assert await self._answer(asked(token=TWO)) is Answer.HELD

    async def test_an_owner_that_asks_again_is_still_the_owner(self) -> None:
        assert await self._answer(asked(token=ONE)) is Answer.FRESH
        assert await self._answer(asked(token=ONE)) is Answer.FRESH

    async def test_what_was_released_is_fresh_again(self) -> None:
        held = await self.memory.claim(asked(token=ONE))
        await self.memory.release(held)
        assert await self._answer(asked(token=TWO)) is Answer.FRESH

    async def test_nobody_releases_what_another_owns(self) -> None:
        await self.memory.claim(asked(token=ONE))
        await self.memory.release(asked(token=TWO))
        assert await self._answer(asked(token=TWO)) is Answer.HELD

    async def test_nobody_commits_what_another_owns(self) -> None:
        await self.memory.claim(asked(token=ONE))
        await self.memory.commit(asked(token=TWO))
        assert await self._answer(asked(token=OTHER)) is Answer.HELD

    async def test_a_commit_of_what_was_forgotten_is_written(self) -> None:
        await self.memory.commit(asked(token=ONE))
        assert await self._answer(asked(token=TWO)) is Answer.SEEN

    async def test_other_content_is_a_revision_whether_finished_or_not(self) -> None:
        held = await self.memory.claim(asked(token=ONE))
        assert await self._revision(asked(token=TWO, digest=OTHER)) is Answer.FRESH
        await self.memory.commit(held)
        assert await self._revision(asked(token=TWO, digest="e" * 16)) is Answer.FRESH
        assert await self._answer(asked(token=TWO)) is Answer.SEEN

    async def test_a_revision_is_claimed_in_the_call_that_finds_it(self) -> None:
        await self._finish(asked(token=ONE))
        revised = asked(token=TWO, digest=OTHER, at_ms=NOW_MS + 7)
        held = await self.memory.claim(revised)
        assert held == replace(revised.revised(), answer=Answer.FRESH)
        assert await self._answer(revised) is Answer.FRESH  # its owner's
        other = asked(token=ONE, digest=OTHER)
        assert await self._revision(other) is Answer.HELD
        await self.memory.release(held)
        assert await self._revision(other) is Answer.FRESH
        await self.memory.commit(replace(other.revised(), answer=Answer.FRESH))
        seen = await self.memory.claim(revised)
        assert (seen.answer, seen.key, seen.first_ms) == (Answer.SEEN, revised.revised().key, NOW_MS)

    async def test_a_revision_is_remembered_under_its_own_id(self) -> None:
        await self._finish(asked(token=ONE))
        revised = asked(token=TWO, digest=OTHER).revised()
        assert revised.event_id == f"EditMediaComplete:t1:FINISH#{OTHER}"
        await self._finish(revised)
        assert await self._answer(asked(token=ONE, digest=OTHER).revised()) is Answer.SEEN

    async def test_an_audit_never_makes_a_revision(self) -> None:
        await self._finish(asked(token=ONE))
        assert await self._answer(asked(token=TWO, digest=OTHER, audit=True)) is Answer.SEEN

    async def test_an_audit_of_what_is_only_claimed_waits_for_its_end_whatever_its_content(self) -> None:
        claim = await self.memory.claim(asked(token=ONE))
        audit = asked(token=TWO, digest=OTHER, audit=True)
        assert await self._answer(audit) is Answer.HELD
        await self.memory.release(claim)
        assert await self._answer(audit) is Answer.FRESH

    async def test_the_other_formats_first_copy_is_a_duplicate_within_a_quarter_of_an_hour(self) -> None:
        await self._finish(asked(token=ONE))
        soon = NOW_MS + 900_000
        legacy = asked(token=TWO, format="legacy", digest=OTHER, at_ms=soon)
        assert await self._answer(legacy) is Answer.SEEN
        later = asked(token=TWO, format="legacy", digest=OTHER, at_ms=soon + 900_000)
        assert await self._answer(later) is Answer.SEEN
        changed = asked(token=TWO, format="legacy", digest="e" * 16, at_ms=soon)
        assert await self._revision(changed) is Answer.FRESH

    async def test_the_other_formats_first_copy_is_a_revision_later(self) -> None:
        await self._finish(asked(token=ONE))
        legacy = asked(token=TWO, format="legacy", digest=OTHER, at_ms=NOW_MS + 900_001)
        assert await self._revision(legacy) is Answer.FRESH

    async def test_the_other_format_waits_for_what_is_under_way(self) -> None:
        await self.memory.claim(asked(token=ONE))
        assert await self._answer(asked(token=TWO, format="legacy", digest=OTHER)) is Answer.HELD

    async def test_a_redelivery_is_told_the_first_ones_time(self) -> None:
        await self._finish(asked("FileDeleted#0", token=ONE, recurring=True))
        again = await self.memory.claim(asked("FileDeleted#0", token=TWO, recurring=True, at_ms=NOW_MS + 5))
        assert again.answer is Answer.SEEN
        assert again.event_id == f"FileDeleted#0@{NOW_MS}"

    async def test_of_a_group_only_a_repeat_of_the_latest_state_is_a_duplicate(self) -> None:
        working = asked("Cast:c:Working", token=ONE, recurring=True, latest_of="Cast:c")
        idle = asked("Cast:c:Idle", token=ONE, recurring=True, latest_of="Cast:c")
        await self._finish(working)
        await self._finish(idle)
        assert await self._answer(asked("Cast:c:Idle", token=TWO, recurring=True, latest_of="Cast:c")) is (
            Answer.SEEN
        )
        again = asked("Cast:c:Working", token=TWO, recurring=True, latest_of="Cast:c", at_ms=NOW_MS + 9)
        held = await self.memory.claim(again)
        assert (held.answer, held.first_ms) == (Answer.FRESH, NOW_MS + 9)
