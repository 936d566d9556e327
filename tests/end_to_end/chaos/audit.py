"""Explains every record: ledger and records in, findings out. Pure; it only reports what does not fit.

* LOST: answered 2xx (or 422) and not in Kafka. Only what is in the quarantined bytes of the spool is excused,
  and no more of it than was counted.
* INVENTED: a record that nobody sent, or that is not what was sent.
* UNEXPLAINED: an id that is published again without a reason from the closed list of `Reason`.
* DISORDER: the first appearances of one key are not in the order in which one process received them.
* WRONG: an answer that the vendor would misread: a refusal at once, a connection that ends without cause.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum

from msgspec import Struct

from tests.end_to_end.chaos.ledger import UNKNOWN, Cause, Kind, Ledger, Mark, Notification, Send

# A record that Kafka took is committed, and noted as gone from the spool, within this time.
COMMITS_WITHIN_S = 2.0
# The bridge's clock of reception counts milliseconds; its metrics are looked at every half second.
BLUR_S = 0.75
REDIS_IS_BACK_WITHIN_S = 5.0
SILENCE_S = 5.0
RESTARTS_WITHIN_S = 1.0


class PublishedRecord(Struct, frozen=True, kw_only=True):
    """A record as it is in Kafka. ``task`` is read from its bytes, not from its id."""

    event_id: str
    task: str
    mark: str
    partition: int
    offset: int
    received: float  # by the bridge, as it is in the record
    appended: float  # by the broker
    deduplicated: bool = True
    is_dead_letter: bool = False


class Damage(Struct, frozen=True, kw_only=True):
    """What the spool reported of its damage: how many records, and the bytes it kept."""

    counted: int = 0
    kept: bytes = b""


class FindingKind(StrEnum):
    """Every kind of finding; each fails the run."""

    LOST = "LOST"
    INVENTED = "INVENTED"
    UNEXPLAINED = "UNEXPLAINED"
    DISORDER = "DISORDER"
    WRONG = "WRONG"


class Reason(StrEnum):
    """Why an id may be published again, and why two of a key may be out of order."""

    REDIS = "redis was unavailable or lost its data"
    KILLED = "the bridge was killed"
    ENDED = "the bridge ended with a send indeterminate"
    REPLACED = "a producer was replaced"
    REJECTED = "rejected bodies are not remembered"
    REPLICAS = "received by two replicas"
    LIVES = "received in two lives of the bridge"
    UNANSWERED = "the earlier one was given up by the vendor"


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that does not fit."""

    kind: FindingKind
    task: str
    text: str


class Verdict(Struct, frozen=True, kw_only=True):
    """What the audit found, and what it could explain."""

    findings: list[Finding]
    repeats: Counter[Reason]
    excused: Counter[Reason]  # of the order
    damaged: int = 0

    def count(self, kind: FindingKind) -> int:
        """Count the findings of a kind."""
        return sum(finding.kind is kind for finding in self.findings)


def audit(ledger: Ledger, published: Iterable[PublishedRecord], damage: Damage) -> Verdict:
    """Hold the records against the ledger."""
    by_task: dict[str, list[PublishedRecord]] = {}
    for record in sorted(published, key=lambda record: (record.appended, record.offset)):
        by_task.setdefault(record.task, []).append(record)
    sends = ledger.of_task()
    findings = list(_invented(ledger, by_task, sends))
    lost = list(_lost(ledger, by_task, sends))
    damaged = [finding for finding in lost if finding.task.encode() in damage.kept][: damage.counted]
    findings += [finding for finding in lost if finding not in damaged]
    repeats: Counter[Reason] = Counter()
    for records in by_task.values():
        findings += _repeats(ledger, records, repeats)
    excused: Counter[Reason] = Counter()
    findings += _disorder(ledger, by_task, sends, excused)
    findings += _wrong(ledger)
    return Verdict(findings=findings, repeats=repeats, excused=excused, damaged=len(damaged))


def _lost(
    ledger: Ledger, by_task: dict[str, list[PublishedRecord]], sends: dict[str, list[Send]]
) -> Iterator[Finding]:
    for task, sent in sends.items():
        promised = next((send for send in sent if send.promised), None)
        if promised is not None and not by_task.get(task):
            answer = f"{promised.status} {promised.outcome} of {_moment(ledger, promised.ended)}"
            yield Finding(kind=FindingKind.LOST, task=task, text=f"answered {answer}, and no record has it")


def _invented(
    ledger: Ledger, by_task: dict[str, list[PublishedRecord]], sends: dict[str, list[Send]]
) -> Iterator[Finding]:
    for task, records in by_task.items():
        notification = ledger.notifications.get(task)
        for record in records:
            why = _mismatch(ledger, notification, record, sends.get(task, []))
            if why:
                at = f"{record.event_id or 'dead letter'} at {record.partition}/{record.offset}"
                yield Finding(kind=FindingKind.INVENTED, task=task, text=f"{at}: {why}")


def _mismatch(
    ledger: Ledger, notification: Notification | None, record: PublishedRecord, sent: list[Send]
) -> str:
    """Return why this record cannot come of what was sent; empty where it can."""
    if notification is None or not sent:
        return "nobody sent this"
    if record.mark != notification.mark:
        return f"it holds {record.mark!r}, sent was {notification.mark!r}"
    if record.is_dead_letter is not (notification.kind is Kind.BROKEN):
        is_or_not = "is" if record.is_dead_letter else "is no"
        return f"a notification of kind {notification.kind} {is_or_not} dead letter"
    if record.event_id != notification.event_id:
        return f"its id should be {notification.event_id}"
    if not any(_was_under_way(ledger, send, record.received) for send in sent):
        after_s = record.received - max(send.ended for send in sent)
        return f"no send was under way when it was received, {after_s:.1f} s after the end of the last one"
    return ""


def _was_under_way(ledger: Ledger, send: Send, at: float) -> bool:
    """Whether ``at`` is a time at which the bridge can have read this send.

    What a sender gave up stays in the socket: a bridge that starts, or gets no processor, reads it later.
    """
    delays = ledger.marked(Cause.KILLED, Cause.ENDED, Cause.STARVED)
    delayed_s = sum(max(0.0, min(at, mark.ended) - max(send.begun, mark.begun)) for mark in delays)
    return send.begun - BLUR_S <= at <= send.ended + SILENCE_S + delayed_s


def _repeats(ledger: Ledger, records: list[PublishedRecord], repeats: Counter[Reason]) -> Iterator[Finding]:
    for number, record in enumerate(records[1:], 1):
        # Where the very same delivery is there already, that one has to be explained.
        twins = [one for one in records[:number] if one.received == record.received]
        earlier = twins or records[:number]
        reason = next((why for one in earlier if (why := _reason(ledger, one, record))), None)
        if reason is not None:
            repeats[reason] += 1
            continue
        apart = "the same delivery" if twins else "another delivery"
        text = f"{record.event_id or 'a dead letter'} again ({apart}): first"
        times = f"{_moment(ledger, earlier[0].appended)}, then {_moment(ledger, record.appended)}"
        yield Finding(kind=FindingKind.UNEXPLAINED, task=record.task, text=f"{text} {times}")


def _reason(ledger: Ledger, first: PublishedRecord, again: PublishedRecord) -> Reason | None:
    """Return why an id is published ``again``. One delivery twice is never for want of deduplication."""
    same = first.received == again.received
    if not same and again.is_dead_letter:
        return Reason.REJECTED
    without = not (first.deduplicated and again.deduplicated)
    if not same and (without or _forgotten(ledger, first, again)):
        return Reason.REDIS
    for mark in ledger.marked(*_FATAL):
        # Of two, either may be the one that it held: with several replicas the resend can land first.
        held = min(first.received, again.received) <= mark.held_until + BLUR_S
        unsure = first.appended >= _all_known_by(ledger, mark)
        after = again.appended >= mark.begun - BLUR_S
        if held and unsure and after and (same or mark.cause is Cause.KILLED):
            return _FATAL[mark.cause]
    return None


def _all_known_by(ledger: Ledger, mark: Mark) -> float:
    """Return until when all that Kafka took was committed before this end, which no outage delayed."""
    by = min(mark.begun, mark.held_until)
    outages = [
        kafka.begun for kafka in ledger.marked(Cause.KAFKA) if kafka.covers(by, after_s=COMMITS_WITHIN_S)
    ]
    return min([by, *outages]) - COMMITS_WITHIN_S


_FATAL = {Cause.KILLED: Reason.KILLED, Cause.ENDED: Reason.ENDED, Cause.REPLACED: Reason.REPLACED}


def _forgotten(ledger: Ledger, first: PublishedRecord, again: PublishedRecord) -> bool:
    forgot = any(
        first.received - BLUR_S <= mark.begun <= again.appended + BLUR_S
        for mark in ledger.marked(Cause.REDIS_LOST_DATA)
    )
    return forgot or any(
        mark.covers(again.received, BLUR_S, REDIS_IS_BACK_WITHIN_S)
        for mark in ledger.marked(Cause.REDIS_UNAVAILABLE)
    )


def _disorder(
    ledger: Ledger,
    by_task: dict[str, list[PublishedRecord]],
    sends: dict[str, list[Send]],
    excused: Counter[Reason],
) -> Iterator[Finding]:
    by_key: dict[str, list[PublishedRecord]] = {}
    for task, records in by_task.items():
        notification = ledger.notifications.get(task)
        if notification is not None and notification.sequence and not records[0].is_dead_letter:
            by_key.setdefault(notification.key, []).append(min(records, key=lambda record: record.offset))
    for key, firsts in by_key.items():
        if len({record.partition for record in firsts}) > 1:
            yield Finding(kind=FindingKind.DISORDER, task=firsts[0].task, text=f"{key} is in two partitions")
            continue
        for late, ahead in _overtaken(ledger, firsts):
            excuse = _excuse(ledger, (late, ahead), (sends[late.task], sends[ahead.task]))
            if excuse is None:
                text = f"{late.mark} is after {ahead.mark}, {_moment(ledger, late.appended)}"
                yield Finding(kind=FindingKind.DISORDER, task=late.task, text=text)
            else:
                excused[excuse] += 1


def _overtaken(
    ledger: Ledger, firsts: list[PublishedRecord]
) -> Iterator[tuple[PublishedRecord, PublishedRecord]]:
    """Give each record that is behind one that was sent later, with that one."""
    ahead: PublishedRecord | None = None
    for record in sorted(firsts, key=lambda record: record.offset):
        if ahead is not None and _sequence(ledger, record) < _sequence(ledger, ahead):
            yield record, ahead
        else:
            ahead = record


def _sequence(ledger: Ledger, record: PublishedRecord) -> int:
    return ledger.notifications[record.task].sequence


def _excuse(
    ledger: Ledger, records: tuple[PublishedRecord, PublishedRecord], sent: tuple[list[Send], list[Send]]
) -> Reason | None:
    """Return what permits the second to be before the first, which was sent earlier."""
    replicas = {send.replica for sends in sent for send in sends if not send.again}
    if len(replicas) > 1 or UNKNOWN in replicas:
        return Reason.REPLICAS
    if not any(send.promised for send in sent[0]):
        return Reason.UNANSWERED
    until = max(record.appended for record in records)
    ends = ledger.marked(Cause.KILLED, Cause.ENDED)
    if any(mark.replica in replicas and sent[0][0].begun <= mark.begun <= until for mark in ends):
        return Reason.LIVES
    return None


def _wrong(ledger: Ledger) -> Iterator[Finding]:
    ends = ledger.marked(Cause.KILLED, Cause.ENDED)
    for send in ledger.sends:
        kind = ledger.notifications[send.task].kind
        if send.broken and not any(_near(mark, send) for mark in ends):
            text = f"refused or cut after {send.seconds:.2f} s, {_moment(ledger, send.ended)}"
            yield Finding(kind=FindingKind.WRONG, task=send.task, text=text)
        elif send.status and not send.promised:
            text = f"{send.status} after {send.seconds:.2f} s, which the vendor takes for a yes"
            yield Finding(kind=FindingKind.WRONG, task=send.task, text=text)
        elif send.promised and (send.status == 422) is not (kind is Kind.BROKEN):
            yield Finding(kind=FindingKind.WRONG, task=send.task, text=f"{send.status} to one of kind {kind}")


def _near(mark: Mark, send: Send) -> bool:
    """Whether it broke because its process was gone. ``ended`` of such a mark: the process listens again."""
    return mark.replica in (-1, send.replica) and mark.covers(send.ended, BLUR_S, RESTARTS_WITHIN_S)


def _moment(ledger: Ledger, at: float) -> str:
    """Name a time by the seconds since the run began and what was going on."""
    begun = min((send.begun for send in ledger.sends), default=at)
    going_on = sorted({mark.cause.value for mark in ledger.marks if mark.covers(at)})
    return f"{at - begun:.1f} s" + (f" ({', '.join(going_on)})" if going_on else "")
