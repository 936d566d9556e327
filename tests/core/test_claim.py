"""Claims as the scripts read them, and what a process answers from its own memory meanwhile."""

import pytest
from msgspec.structs import replace

from bridge.core.claim import Answer, Claim, Finished, answered
from tests.contracts import NOW_MS, ONE, OTHER, TWO, asked

DAY_MS = 86_400_000
WORKING = asked("Cast:c:Working", recurring=True, latest_of="Cast:c")


@pytest.mark.parametrize(
    ("claim", "kind"),
    [(asked(), "-"), (asked(audit=True), "a"), (WORKING, "g")],
    ids=["plain", "audit", "group"],
)
def test_a_question_is_47_characters(claim: Claim, kind: str) -> None:
    assert claim.asked() == f"{NOW_MS}{'a' * 16}v{'0' * 16}{kind}"
    assert len(claim.asked()) == 47


@pytest.mark.parametrize(("claim", "how"), [(asked(), "c"), (WORKING, "C")], ids=["once", "recurring"])
def test_an_ending_is_47_characters(claim: Claim, how: str) -> None:
    assert claim.ending("c") == f"{NOW_MS}{'a' * 16}v{'0' * 16}{how}"
    assert claim.ending("n") == f"{NOW_MS}{'a' * 16}v{'0' * 16}n"


def test_a_time_has_its_width_whatever_the_clock_says() -> None:
    assert {len(asked(at_ms=0).asked()), len(asked(at_ms=0).ending("r"))} == {47}


def test_a_claim_is_kept_in_its_applications_slot() -> None:
    assert asked().key == "vod:{shop}:EditMediaComplete:t1:FINISH"
    assert (asked().group, WORKING.group) == ("", "vod:{shop}:Cast:c")


def test_only_a_recurring_events_id_tells_its_time() -> None:
    assert asked().event_id == "EditMediaComplete:t1:FINISH"
    assert WORKING.event_id == f"Cast:c:Working@{NOW_MS}"


def test_revised_content_gets_an_id_of_its_own() -> None:
    revised = asked(digest=OTHER).revised()
    assert (revised.key, revised.revision) == (f"{asked().key}#{OTHER}", True)
    assert revised.event_id == f"{asked().event_id}#{OTHER}"


def test_a_capital_letter_answers_for_the_revised_content() -> None:
    claims = [asked(digest=OTHER, token=token) for token in (ONE, TWO, ONE, TWO)]
    told = answered(claims, f"FfHS{NOW_MS - 1}{NOW_MS - 2}")
    assert [claim.answer for claim in told] == [Answer.FRESH, Answer.FRESH, Answer.HELD, Answer.SEEN]
    assert [claim.revision for claim in told] == [True, False, True, True]
    assert [claim.first_ms for claim in told] == [NOW_MS, NOW_MS, NOW_MS - 1, NOW_MS - 2]
    assert told[0].key == claims[0].revised().key


def test_answers_are_read_in_the_order_of_their_questions() -> None:
    claims = [asked(token=ONE), asked(token=TWO), asked(), asked(token=TWO), asked()]
    told = answered(claims, "hfstr" + "".join(str(NOW_MS - at) for at in (1, 2, 3, 4)))
    assert [claim.answer for claim in told] == [
        Answer.HELD,
        Answer.FRESH,
        Answer.SEEN,
        Answer.FRESH,
        Answer.REVISED,
    ]
    assert [claim.first_ms for claim in told] == [NOW_MS - 1, NOW_MS, NOW_MS - 2, NOW_MS - 3, NOW_MS - 4]
    assert [claim.token for claim in told] == [claim.token for claim in claims]


@pytest.mark.parametrize("text", ["f", "fx", "fs", "fs12345", f"fs{NOW_MS}{NOW_MS}", "ff "])
def test_an_answer_that_does_not_fit_its_questions_is_refused(text: str) -> None:
    with pytest.raises((ValueError, LookupError)):
        answered([asked(), asked()], text)


@pytest.fixture
def finished() -> Finished:
    known = Finished(most=2)
    known.keep(asked(token=ONE), NOW_MS + DAY_MS)
    return known


def test_a_repeat_of_what_was_finished_here_is_seen_and_told_the_first_ones_time(finished: Finished) -> None:
    answer = finished.answer(asked(token=TWO, at_ms=NOW_MS + 5))
    assert answer == replace(asked(token=TWO, at_ms=NOW_MS + 5), answer=Answer.SEEN, first_ms=NOW_MS)


def test_of_what_was_not_finished_here_nothing_is_known(finished: Finished) -> None:
    assert finished.answer(asked("EditMediaComplete:t2:FINISH")) is None


@pytest.mark.parametrize(
    ("after_ms", "audit", "answer"),
    [(900_000, False, Answer.SEEN), (900_001, False, Answer.REVISED), (900_001, True, Answer.SEEN)],
)
def test_another_formats_copy_is_a_duplicate_for_fifteen_minutes(
    finished: Finished, *, after_ms: int, audit: bool, answer: Answer
) -> None:
    other = finished.answer(asked(token=TWO, format="legacy", at_ms=NOW_MS + after_ms, audit=audit))
    assert other is not None
    assert other.answer is answer


def test_what_one_application_finished_is_not_offered_while_it_is_not_served() -> None:
    known = Finished()
    known.keep(asked(token=ONE), NOW_MS + DAY_MS)
    known.keep(asked(token=ONE, app="film"), NOW_MS + DAY_MS)
    assert [claim.app for claim in known.some(9, NOW_MS, {"shop"})] == ["film"]
    assert [claim.app for claim in known.some(1, NOW_MS)] == ["shop"]


def test_other_content_in_the_same_format_is_a_revision(finished: Finished) -> None:
    answer = finished.answer(asked(token=TWO, digest=OTHER))
    assert answer is not None
    assert answer.answer is Answer.REVISED


@pytest.mark.parametrize("again", [asked(format="legacy", digest=OTHER), asked(digest=OTHER, audit=True)])
def test_the_other_format_and_an_audit_are_no_revision(finished: Finished, again: Claim) -> None:
    answer = finished.answer(again)
    assert answer is not None
    assert answer.answer is Answer.SEEN


def test_what_was_finished_here_is_known_for_its_time_only(finished: Finished) -> None:
    assert finished.answer(asked(at_ms=NOW_MS + DAY_MS)) is not None
    assert finished.answer(asked(at_ms=NOW_MS + DAY_MS + 1)) is None


def test_of_a_group_it_never_answers(finished: Finished) -> None:
    finished.keep(WORKING, NOW_MS + DAY_MS)
    assert finished.answer(WORKING) is None


def test_what_the_shared_memory_took_is_forgotten(finished: Finished) -> None:
    finished.forget(asked())
    finished.forget(asked())
    assert (len(finished), finished.answer(asked())) == (0, None)


def test_over_its_bound_the_oldest_is_forgotten(finished: Finished) -> None:
    later = [asked(f"PullComplete:t{number}:FINISH") for number in (1, 2)]
    for claim in later:
        finished.keep(claim, NOW_MS + DAY_MS)
    assert finished.answer(asked()) is None
    assert (len(finished), finished.some(10, NOW_MS), finished.some(1, NOW_MS)) == (2, later, later[:1])


def test_what_is_over_is_forgotten_instead_of_offered(finished: Finished) -> None:
    finished.keep(WORKING, NOW_MS + 60_000)
    assert finished.some(10, NOW_MS + 60_000) == [asked(token=ONE), WORKING]
    assert finished.some(10, NOW_MS + 60_001) == [asked(token=ONE)]
    assert len(finished) == 1
