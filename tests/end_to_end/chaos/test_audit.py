"""The audit finds what it is there for: each kind of finding in a ledger made for it, and no other."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.end_to_end.chaos.audit import Damage, FindingKind, PublishedRecord, Reason, Verdict, audit
from tests.end_to_end.chaos.ledger import Cause, Kind, Ledger, Mark, Notification, Send

KEY = "file-0a-00001"
WHOLE = Damage()


def notification(number: int, kind: Kind = Kind.EVENT) -> Notification:
    return Notification(task=f"chaos-0a-{number:07d}", kind=kind, key=KEY, sequence=number)


def acknowledged(number: int, at: float, kind: Kind = Kind.EVENT, **more: Any) -> tuple[Notification, Send]:  # noqa: ANN401
    one = notification(number, kind)
    status = 422 if kind is Kind.BROKEN else 200
    sent = Send(task=one.task, begun=at, ended=at + 0.01, status=status)
    return one, replace(sent, **more)


def record(number: int, at: float, offset: int, kind: Kind = Kind.EVENT) -> PublishedRecord:
    one = notification(number, kind)
    return PublishedRecord(
        event_id=one.event_id,
        task=one.task,
        mark=one.mark,
        partition=1,
        offset=offset,
        received=at,
        appended=at + 0.005,
        is_dead_letter=kind is Kind.BROKEN,
    )


def ledger(*all_told: tuple[Notification, Send], marks: tuple[Mark, ...] = ()) -> Ledger:
    made = Ledger()
    made.notifications = {one.task: one for one, _ in all_told}
    made.sends = [send for _, send in all_told]
    made.marks = list(marks)
    return made


def kinds(verdict: Verdict) -> list[FindingKind]:
    return [finding.kind for finding in verdict.findings]


def killed(at: float) -> Mark:
    return Mark(cause=Cause.KILLED, begun=at, ended=at + 1, replica=0, held_until=at)


def test_a_run_in_which_all_went_well_has_no_findings() -> None:
    run = ledger(acknowledged(1, 10), acknowledged(2, 11, Kind.LEGACY), acknowledged(3, 12, Kind.BROKEN))
    found = audit(
        run, [record(1, 10, 0), record(2, 11, 1, Kind.LEGACY), record(3, 12, 0, Kind.BROKEN)], WHOLE
    )
    assert (found.findings, found.repeats, found.excused) == ([], {}, {})


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "published"), (202, "spooled"), (200, "duplicate"), (422, "rejected")]
)
def test_what_was_promised_and_is_not_there_is_lost(status: int, outcome: str) -> None:
    kind = Kind.BROKEN if status == 422 else Kind.EVENT
    run = ledger(acknowledged(1, 10, kind, status=status, outcome=outcome))
    assert kinds(audit(run, [], WHOLE)) == [FindingKind.LOST]


def test_what_was_never_answered_well_may_be_missing() -> None:
    assert audit(ledger(acknowledged(1, 10, status=0)), [], WHOLE).findings == []


def test_what_a_damaged_spool_kept_and_counted_is_not_lost_and_no_more_than_that() -> None:
    run = ledger(acknowledged(1, 10), acknowledged(2, 11), acknowledged(3, 12))
    kept = f"...{notification(1).task}...{notification(2).task}".encode()
    found = audit(run, [], Damage(counted=1, kept=kept))
    assert (found.damaged, kinds(found)) == (1, [FindingKind.LOST, FindingKind.LOST])
    assert audit(run, [record(1, 10, 0), record(2, 11, 1)], Damage(counted=9, kept=kept)).count(
        FindingKind.LOST
    )


@pytest.mark.parametrize(
    "mismatched",
    [
        record(2, 10, 0),
        replace(record(1, 10, 0), mark="of another"),
        replace(record(1, 10, 0), event_id="EditMediaComplete:other:FINISH"),
        replace(record(1, 10, 0), received=99.0),
        replace(record(1, 10, 0), is_dead_letter=True),
    ],
    ids=["nobody sent it", "other contents", "another id", "at another time", "a dead letter"],
)
def test_what_nobody_sent_like_this_is_invented(mismatched: PublishedRecord) -> None:
    run = ledger(acknowledged(1, 10, status=0))
    assert set(kinds(audit(run, [mismatched], WHOLE))) == {FindingKind.INVENTED}


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ((), [FindingKind.INVENTED]),
        ((Mark(cause=Cause.STARVED, begun=12, ended=20),), []),
        ((Mark(cause=Cause.STARVED, begun=2, ended=9),), [FindingKind.INVENTED]),
        ((Mark(cause=Cause.KILLED, begun=11, ended=20),), []),
    ],
)
def test_what_is_read_late_was_sent_where_the_bridge_could_not_read_it_earlier(
    marks: tuple[Mark, ...], expected: list[FindingKind]
) -> None:
    run = ledger(acknowledged(1, 10, ended=15.0, status=0), marks=marks)
    assert kinds(audit(run, [record(1, 21, 0)], WHOLE)) == expected


def test_an_id_that_is_published_again_without_a_reason_is_unexplained() -> None:
    run = ledger(acknowledged(1, 10), acknowledged(1, 20, again=True))
    delivered_again = [record(1, 10, 0), record(1, 20, 1)]
    written_again = [record(1, 10, 0), replace(record(1, 10, 1), appended=10.5)]
    assert kinds(audit(run, delivered_again, WHOLE)) == [FindingKind.UNEXPLAINED]
    assert kinds(audit(run, written_again, WHOLE)) == [FindingKind.UNEXPLAINED]


@pytest.mark.parametrize(
    ("mark", "explains"),
    [
        (Mark(cause=Cause.REDIS_UNAVAILABLE, begun=19, ended=21), True),
        (Mark(cause=Cause.REDIS_LOST_DATA, begun=15, ended=15), True),
        (Mark(cause=Cause.REDIS_LOST_DATA, begun=5, ended=6), False),
        (Mark(cause=Cause.REDIS_UNAVAILABLE, begun=5, ended=6), False),
        (killed(10.2), True),
        (killed(15), False),
        (killed(9), False),
        (Mark(cause=Cause.REPLACED, begun=10, ended=11, held_until=10), False),
    ],
)
def test_another_delivery_repeats_only_where_the_claim_was_lost(mark: Mark, *, explains: bool) -> None:
    run = ledger(acknowledged(1, 10), acknowledged(1, 20, again=True), marks=(mark,))
    found = audit(run, [record(1, 10, 0), record(1, 20, 1)], WHOLE)
    assert (not found.findings) is explains
    assert sum(found.repeats.values()) == explains


@pytest.mark.parametrize(
    ("mark", "explains"),
    [
        (Mark(cause=Cause.REDIS_UNAVAILABLE, begun=9, ended=21), False),
        (Mark(cause=Cause.REDIS_LOST_DATA, begun=15, ended=15), False),
        (killed(11), True),
        (killed(20), False),
        (Mark(cause=Cause.REPLACED, begun=11, ended=12, held_until=11), True),
        (Mark(cause=Cause.REPLACED, begun=11, ended=12, held_until=8), False),
        (Mark(cause=Cause.ENDED, begun=11, ended=12, replica=0, held_until=11), True),
        (Mark(cause=Cause.ENDED, begun=20, ended=22, replica=0, held_until=8), False),
    ],
)
def test_one_delivery_is_written_twice_only_where_a_producer_was_lost_that_held_it(
    mark: Mark, *, explains: bool
) -> None:
    run = ledger(acknowledged(1, 10), marks=(mark,))
    again = replace(record(1, 10, 1), appended=21.0)
    found = audit(run, [record(1, 10, 0), again], WHOLE)
    assert (not found.findings) is explains
    assert sum(found.repeats.values()) == explains


@pytest.mark.parametrize(("begun", "explains"), [(10.5, True), (16, False)])
def test_what_kafka_took_and_did_not_acknowledge_before_a_kill_may_be_published_again(
    begun: float, *, explains: bool
) -> None:
    kafka = Mark(cause=Cause.KAFKA, begun=begun, ended=21)
    run = ledger(acknowledged(1, 10, status=0), acknowledged(1, 22), marks=(kafka, killed(20)))
    found = audit(run, [record(1, 10, 0), record(1, 22, 1)], WHOLE)
    assert (not found.findings) is explains


def test_what_was_delivered_without_redis_may_be_published_again() -> None:
    run = ledger(acknowledged(1, 10), acknowledged(1, 20, again=True))
    unsure = replace(record(1, 20, 1), deduplicated=False)
    assert audit(run, [record(1, 10, 0), unsure], WHOLE).repeats == {Reason.REDIS: 1}


def test_a_dead_letter_is_published_once_a_send() -> None:
    run = ledger(acknowledged(1, 10, Kind.BROKEN, status=0), acknowledged(1, 15, Kind.BROKEN))
    twice = [record(1, 10, 0, Kind.BROKEN), record(1, 15, 1, Kind.BROKEN)]
    assert audit(run, twice, WHOLE).repeats == {Reason.REJECTED: 1}
    assert kinds(audit(run, [*twice, replace(twice[1], offset=2)], WHOLE)) == [FindingKind.UNEXPLAINED]


def test_first_appearances_of_a_key_out_of_order_are_disorder_and_repeats_are_not() -> None:
    run = ledger(acknowledged(1, 10), acknowledged(2, 11), acknowledged(3, 12), marks=(killed(13),))
    swapped = [record(2, 11, 0), record(1, 10, 1), record(3, 12, 2)]
    repeated = [record(1, 10, 0), record(2, 11, 1), record(3, 12, 2), replace(record(1, 10, 3), appended=14)]
    assert kinds(
        audit(ledger(acknowledged(1, 10), acknowledged(2, 11), acknowledged(3, 12)), swapped, WHOLE)
    ) == [FindingKind.DISORDER]
    assert FindingKind.DISORDER not in kinds(audit(run, repeated, WHOLE))


def test_one_key_in_two_partitions_is_disorder() -> None:
    run = ledger(acknowledged(1, 10), acknowledged(2, 11))
    assert kinds(audit(run, [record(1, 10, 0), replace(record(2, 11, 0), partition=2)], WHOLE)) == [
        FindingKind.DISORDER
    ]


@pytest.mark.parametrize(
    ("first", "marks", "reason"),
    [
        ({"replica": 1}, (), Reason.REPLICAS),
        ({"status": 0}, (), Reason.UNANSWERED),
        ({}, (killed(10.5),), Reason.LIVES),
    ],
)
def test_a_change_of_order_is_excused_where_no_one_process_received_both(
    first: dict[str, Any], marks: tuple[Mark, ...], reason: Reason
) -> None:
    run = ledger(acknowledged(1, 10, **first), acknowledged(2, 11), marks=marks)
    found = audit(run, [record(2, 11, 0), replace(record(1, 10, 1), appended=12.0)], WHOLE)
    assert (found.findings, found.excused) == ([], {reason: 1})


@pytest.mark.parametrize(
    "send",
    [
        {"status": 503, "outcome": "deferred"},
        {"status": 500},
        {"status": 0, "broken": True},
        {"status": 422, "outcome": "rejected"},
    ],
)
def test_an_answer_that_the_vendor_misreads_is_wrong(send: dict[str, Any]) -> None:
    found = audit(ledger(acknowledged(1, 10, **send)), [record(1, 10, 0)], WHOLE)
    assert kinds(found) == [FindingKind.WRONG]


def test_a_broken_line_is_right_where_its_process_was_killed() -> None:
    run = ledger(acknowledged(1, 10, status=0, broken=True), marks=(killed(9.5),))
    assert audit(run, [], WHOLE).findings == []
    run.sends = [replace(run.sends[0], replica=1)]
    assert kinds(audit(run, [], WHOLE)) == [FindingKind.WRONG]


def test_what_a_killed_bridge_held_may_land_after_the_resend_that_another_took() -> None:
    run = ledger(acknowledged(1, 10, status=0), acknowledged(1, 12), marks=(killed(11),))
    resend_first = [record(1, 12, 0), replace(record(1, 10, 1), appended=20.0)]
    found = audit(run, resend_first, WHOLE)
    assert (found.findings, sum(found.repeats.values())) == ([], 1)
