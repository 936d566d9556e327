"""Claims as the Redis scripts read them, and the replies from a process's own unsynced commits."""

import pytest
from msgspec.structs import replace

from bridge.core.claim import Claim, ClaimStatus, UnsyncedCommits, decode_results
from tests.contracts import NOW_MS, ONE, OTHER, TWO, make_claim

DAY_MS = 86_400_000
WORKING = make_claim("Cast:c:Working", recurring=True, latest_state_group="Cast:c")


@pytest.mark.parametrize(
    ("claim", "kind"),
    [(make_claim(), "-"), (make_claim(audit=True), "a"), (WORKING, "g")],
    ids=["plain", "audit", "group"],
)
def test_an_encoded_claim_is_47_characters(claim: Claim, kind: str) -> None:
    assert claim.encode_claim() == f"{NOW_MS}{'a' * 16}v{'0' * 16}{kind}"
    assert len(claim.encode_claim()) == 47


@pytest.mark.parametrize(("claim", "how"), [(make_claim(), "c"), (WORKING, "C")], ids=["once", "recurring"])
def test_an_encoded_settlement_is_47_characters(claim: Claim, how: str) -> None:
    assert claim.encode_settlement("c") == f"{NOW_MS}{'a' * 16}v{'0' * 16}{how}"
    assert claim.encode_settlement("n") == f"{NOW_MS}{'a' * 16}v{'0' * 16}n"


def test_a_time_has_its_width_whatever_the_clock_shows() -> None:
    assert {len(make_claim(at_ms=0).encode_claim()), len(make_claim(at_ms=0).encode_settlement("r"))} == {47}


def test_a_claim_is_kept_in_its_applications_slot() -> None:
    assert make_claim().key == "vod:{shop}:EditMediaComplete:t1:FINISH"
    assert (make_claim().state_group, WORKING.state_group) == ("", "vod:{shop}:Cast:c")


def test_only_a_recurring_events_id_contains_its_time() -> None:
    assert make_claim().event_id == "EditMediaComplete:t1:FINISH"
    assert WORKING.event_id == f"Cast:c:Working@{NOW_MS}"


def test_revised_content_gets_an_id_of_its_own() -> None:
    revised = make_claim(digest=OTHER).as_revision()
    assert (revised.key, revised.revision) == (f"{make_claim().key}#{OTHER}", True)
    assert revised.event_id == f"{make_claim().event_id}#{OTHER}"


def test_a_capital_letter_is_the_status_of_the_revised_content() -> None:
    claims = [make_claim(digest=OTHER, token=token) for token in (ONE, TWO, ONE, TWO)]
    results = decode_results(claims, f"FfHS{NOW_MS - 1}{NOW_MS - 2}")
    assert [claim.status for claim in results] == [
        ClaimStatus.ACQUIRED,
        ClaimStatus.ACQUIRED,
        ClaimStatus.HELD,
        ClaimStatus.DUPLICATE,
    ]
    assert [claim.revision for claim in results] == [True, False, True, True]
    assert [claim.first_ms for claim in results] == [NOW_MS, NOW_MS, NOW_MS - 1, NOW_MS - 2]
    assert results[0].key == claims[0].as_revision().key


def test_results_are_decoded_in_the_order_of_their_claims() -> None:
    claims = [make_claim(token=ONE), make_claim(token=TWO), make_claim(), make_claim(token=TWO), make_claim()]
    results = decode_results(claims, "hfstr" + "".join(str(NOW_MS - at) for at in (1, 2, 3, 4)))
    assert [claim.status for claim in results] == [
        ClaimStatus.HELD,
        ClaimStatus.ACQUIRED,
        ClaimStatus.DUPLICATE,
        ClaimStatus.ACQUIRED,
        ClaimStatus.REVISED,
    ]
    assert [claim.first_ms for claim in results] == [NOW_MS - 1, NOW_MS, NOW_MS - 2, NOW_MS - 3, NOW_MS - 4]
    assert [claim.owner_token for claim in results] == [claim.owner_token for claim in claims]


@pytest.mark.parametrize("text", ["f", "fx", "fs", "fs12345", f"fs{NOW_MS}{NOW_MS}", "ff "])
def test_results_that_do_not_fit_their_claims_are_refused(text: str) -> None:
    with pytest.raises((ValueError, LookupError)):
        decode_results([make_claim(), make_claim()], text)


@pytest.fixture
def unsynced() -> UnsyncedCommits:
    known = UnsyncedCommits(max_entries=2)
    known.add(make_claim(token=ONE), NOW_MS + DAY_MS)
    return known


def test_a_repeat_of_an_unsynced_commit_is_a_duplicate_with_the_first_ones_time(
    unsynced: UnsyncedCommits,
) -> None:
    reply = unsynced.lookup(make_claim(token=TWO, at_ms=NOW_MS + 5))
    assert reply == replace(
        make_claim(token=TWO, at_ms=NOW_MS + 5), status=ClaimStatus.DUPLICATE, first_ms=NOW_MS
    )


def test_of_what_was_not_committed_here_nothing_is_known(unsynced: UnsyncedCommits) -> None:
    assert unsynced.lookup(make_claim("EditMediaComplete:t2:FINISH")) is None


@pytest.mark.parametrize(
    ("after_ms", "audit", "status"),
    [
        (900_000, False, ClaimStatus.DUPLICATE),
        (900_001, False, ClaimStatus.REVISED),
        (900_001, True, ClaimStatus.DUPLICATE),
    ],
)
def test_another_formats_copy_is_a_duplicate_for_fifteen_minutes(
    unsynced: UnsyncedCommits, *, after_ms: int, audit: bool, status: ClaimStatus
) -> None:
    other = unsynced.lookup(make_claim(token=TWO, format="legacy", at_ms=NOW_MS + after_ms, audit=audit))
    assert other is not None
    assert other.status is status


def test_commits_of_an_application_are_not_resynced_while_it_is_unavailable() -> None:
    known = UnsyncedCommits()
    known.add(make_claim(token=ONE), NOW_MS + DAY_MS)
    known.add(make_claim(token=ONE, app="film"), NOW_MS + DAY_MS)
    assert [claim.app for claim in known.oldest(9, NOW_MS, {"shop"})] == ["film"]
    assert [claim.app for claim in known.oldest(1, NOW_MS)] == ["shop"]


def test_other_content_in_the_same_format_is_a_revision(unsynced: UnsyncedCommits) -> None:
    reply = unsynced.lookup(make_claim(token=TWO, digest=OTHER))
    assert reply is not None
    assert reply.status is ClaimStatus.REVISED


@pytest.mark.parametrize(
    "again", [make_claim(format="legacy", digest=OTHER), make_claim(digest=OTHER, audit=True)]
)
def test_the_other_format_and_an_audit_are_no_revision(unsynced: UnsyncedCommits, again: Claim) -> None:
    reply = unsynced.lookup(again)
    assert reply is not None
    assert reply.status is ClaimStatus.DUPLICATE


def test_an_unsynced_commit_is_known_for_its_time_only(unsynced: UnsyncedCommits) -> None:
    assert unsynced.lookup(make_claim(at_ms=NOW_MS + DAY_MS)) is not None
    assert unsynced.lookup(make_claim(at_ms=NOW_MS + DAY_MS + 1)) is None


def test_of_a_state_group_nothing_is_looked_up(unsynced: UnsyncedCommits) -> None:
    unsynced.add(WORKING, NOW_MS + DAY_MS)
    assert unsynced.lookup(WORKING) is None


def test_what_the_store_has_is_discarded(unsynced: UnsyncedCommits) -> None:
    unsynced.discard(make_claim())
    unsynced.discard(make_claim())
    assert (len(unsynced.claims), unsynced.lookup(make_claim())) == (0, None)


def test_over_its_bound_the_oldest_is_discarded(unsynced: UnsyncedCommits) -> None:
    later = [make_claim(f"PullComplete:t{number}:FINISH") for number in (1, 2)]
    for claim in later:
        unsynced.add(claim, NOW_MS + DAY_MS)
    assert unsynced.lookup(make_claim()) is None
    assert len(unsynced.claims) == 2
    assert (unsynced.oldest(10, NOW_MS), unsynced.oldest(1, NOW_MS)) == (later, later[:1])


def test_what_has_expired_is_discarded_instead_of_resynced(unsynced: UnsyncedCommits) -> None:
    unsynced.add(WORKING, NOW_MS + 60_000)
    assert unsynced.oldest(10, NOW_MS + 60_000) == [make_claim(token=ONE), WORKING]
    assert unsynced.oldest(10, NOW_MS + 60_001) == [make_claim(token=ONE)]
    assert len(unsynced.claims) == 1
