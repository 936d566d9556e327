"""Explains every record: ledger and records in, findings out. Pure; it only says what does not fit.

* LOST: answered 2xx (or 422) and not in Kafka. Only what stands in the spool's kept damaged bytes is excused,
  and no more of it than was counted.
* INVENTED: a record that nobody sent, or that is not what was sent.
* UNEXPLAINED: an id that stands there again without a reason from the closed list of `Reason`.
* DISORDER: the first appearances of one key are not in the order in which one process received them.
* WRONG: an answer that the vendor would misread: a refusal at once, an end of the line without cause.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum

from msgspec import Struct

from tests.end_to_end.chaos.ledger import UNKNOWN, Cause, Kind, Ledger, Mark, Notice, Send

# A record that Kafka took is committed, and noted as gone from the spool, within this time.
COMMITS_WITHIN_S = 2.0
# The bridge's clock of reception counts milliseconds; its metrics are looked at every half second.
BLUR_S = 0.75
REDIS_IS_BACK_WITHIN_S = 5.0
SILENCE_S = 5.0
RESTARTS_WITHIN_S = 1.0


class Landed(Struct, frozen=True, kw_only=True):
    """A record as it stands in Kafka. ``task`` is read from its bytes, not from its id."""

    event_id: str
    task: str
    mark: str
    partition: int
    offset: int
    received: float  # by the bridge, as the record says
    appended: float  # by the broker
    deduplicated: bool = True
    buried: bool = False


class Damage(Struct, frozen=True, kw_only=True):
    """What the spool said of its damage: how many records, and the bytes it kept."""

    counted: int = 0
    kept: bytes = b""


class Kinds(StrEnum):
    """Every kind of finding; each fails the run."""

    LOST = "LOST"
    INVENTED = "INVENTED"
    UNEXPLAINED = "UNEXPLAINED"
    DISORDER = "DISORDER"
    WRONG = "WRONG"


class Reason(StrEnum):
    """Why an id may stand there again, and why two of a key may have changed places."""

    REDIS = "redis was away or forgot"
    KILLED = "the bridge was killed"
    ENDED = "the bridge ended with a send unknown"
    REPLACED = "a producer was replaced"
    REJECTED = "rejected bodies are not remembered"
    REPLICAS = "received by two replicas"
    LIVES = "received in two lives of the bridge"
    UNANSWERED = "the earlier one was given up by the vendor"


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that does not fit."""

    kind: Kinds
    task: str
    text: str


class Verdict(Struct, frozen=True, kw_only=True):
    """What the audit found, and what it could explain."""

    findings: list[Finding]
    repeats: Counter[Reason]
    excused: Counter[Reason]  # of the order
    damaged: int = 0

    def count(self, kind: Kinds) -> int:
        """Count the findings of a kind."""
        return sum(finding.kind is kind for finding in self.findings)


def audit(ledger: Ledger, landed: Iterable[Landed], damage: Damage) -> Verdict:
    """Hold the records against the ledger."""
    by_task: dict[str, list[Landed]] = {}
    for record in sorted(landed, key=lambda record: (record.appended, record.offset)):
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
    ledger: Ledger, by_task: dict[str, list[Landed]], sends: dict[str, list[Send]]
) -> Iterator[Finding]:
    for task, sent in sends.items():
        promised = next((send for send in sent if send.promised), None)
        if promised is not None and not by_task.get(task):
            said = f"{promised.status} {promised.outcome} of {_moment(ledger, promised.ended)}"
            yield Finding(kind=Kinds.LOST, task=task, text=f"answered {said}, and no record has it")


def _invented(
    ledger: Ledger, by_task: dict[str, list[Landed]], sends: dict[str, list[Send]]
) -> Iterator[Finding]:
    for task, records in by_task.items():
        notice = ledger.notices.get(task)
        for record in records:
            why = _strange(notice, record, sends.get(task, []))
            if why:
                at = f"{record.event_id or 'dead letter'} at {record.partition}/{record.offset}"
                yield Finding(kind=Kinds.INVENTED, task=task, text=f"{at}: {why}")


def _strange(notice: Notice | None, record: Landed, sent: list[Send]) -> str:
    """Say why this record cannot come of what was sent."""
    if notice is None or not sent:
        return "nobody sent this"
    if record.mark != notice.mark:
        return f"it holds {record.mark!r}, sent was {notice.mark!r}"
    if record.buried is not (notice.kind is Kind.BROKEN):
        return f"a notification of kind {notice.kind} {'is' if record.buried else 'is no'} dead letter"
    if record.event_id != notice.event_id:
        return f"its id should be {notice.event_id}"
    if not any(send.begun - BLUR_S <= record.received <= send.ended + SILENCE_S for send in sent):
        return "no send was under way when it was received"
    return ""


def _repeats(ledger: Ledger, records: list[Landed], repeats: Counter[Reason]) -> Iterator[Finding]:
    for number, record in enumerate(records[1:], 1):
        # Where the very same delivery stands there already, that one has to be explained.
        twins = [one for one in records[:number] if one.received == record.received]
        earlier = twins or records[:number]
        reason = next((why for one in earlier if (why := _reason(ledger, one, record))), None)
        if reason is not None:
            repeats[reason] += 1
            continue
        apart = "the same delivery" if twins else "another delivery"
        text = f"{record.event_id or 'a dead letter'} again ({apart}): first"
        times = f"{_moment(ledger, earlier[0].appended)}, then {_moment(ledger, record.appended)}"
        yield Finding(kind=Kinds.UNEXPLAINED, task=record.task, text=f"{text} {times}")


def _reason(ledger: Ledger, first: Landed, again: Landed) -> Reason | None:
    """Give the reason why an id stands there ``again``. One delivery twice is never for want of memory."""
    same = first.received == again.received
    if not same and again.buried:
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
    """Tell until when all that Kafka took was committed before this end. Away, Kafka tells nothing."""
    by = min(mark.begun, mark.held_until)
    away = [kafka.begun for kafka in ledger.marked(Cause.KAFKA) if kafka.covers(by, after_s=COMMITS_WITHIN_S)]
    return min([by, *away]) - COMMITS_WITHIN_S


_FATAL = {Cause.KILLED: Reason.KILLED, Cause.ENDED: Reason.ENDED, Cause.REPLACED: Reason.REPLACED}


def _forgotten(ledger: Ledger, first: Landed, again: Landed) -> bool:
    forgot = any(
        first.received - BLUR_S <= mark.begun <= again.appended + BLUR_S
        for mark in ledger.marked(Cause.REDIS_FORGOT)
    )
    return forgot or any(
        mark.covers(again.received, BLUR_S, REDIS_IS_BACK_WITHIN_S)
        for mark in ledger.marked(Cause.REDIS_AWAY)
    )


def _disorder(
    ledger: Ledger,
    by_task: dict[str, list[Landed]],
    sends: dict[str, list[Send]],
    excused: Counter[Reason],
) -> Iterator[Finding]:
    by_key: dict[str, list[Landed]] = {}
    for task, records in by_task.items():
        notice = ledger.notices.get(task)
        if notice is not None and notice.sequence and not records[0].buried:
            by_key.setdefault(notice.key, []).append(min(records, key=lambda record: record.offset))
    for key, firsts in by_key.items():
        if len({record.partition for record in firsts}) > 1:
            yield Finding(kind=Kinds.DISORDER, task=firsts[0].task, text=f"{key} stands in two partitions")
            continue
        for late, ahead in _overtaken(ledger, firsts):
            excuse = _excuse(ledger, (late, ahead), (sends[late.task], sends[ahead.task]))
            if excuse is None:
                text = f"{late.mark} stands after {ahead.mark}, {_moment(ledger, late.appended)}"
                yield Finding(kind=Kinds.DISORDER, task=late.task, text=text)
            else:
                excused[excuse] += 1


def _overtaken(ledger: Ledger, firsts: list[Landed]) -> Iterator[tuple[Landed, Landed]]:
    """Give each that stands behind one that was told later, with that one."""
    ahead: Landed | None = None
    for record in sorted(firsts, key=lambda record: record.offset):
        if ahead is not None and _sequence(ledger, record) < _sequence(ledger, ahead):
            yield record, ahead
        else:
            ahead = record


def _sequence(ledger: Ledger, record: Landed) -> int:
    return ledger.notices[record.task].sequence


def _excuse(
    ledger: Ledger, records: tuple[Landed, Landed], sent: tuple[list[Send], list[Send]]
) -> Reason | None:
    """Say what permits the second to stand before the first, which was told earlier."""
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
        kind = ledger.notices[send.task].kind
        if send.broken and not any(_near(mark, send) for mark in ends):
            text = f"refused or cut after {send.seconds:.2f} s, {_moment(ledger, send.ended)}"
            yield Finding(kind=Kinds.WRONG, task=send.task, text=text)
        elif send.status and not send.promised:
            text = f"{send.status} after {send.seconds:.2f} s, which the vendor takes for a yes"
            yield Finding(kind=Kinds.WRONG, task=send.task, text=text)
        elif send.promised and (send.status == 422) is not (kind is Kind.BROKEN):
            yield Finding(kind=Kinds.WRONG, task=send.task, text=f"{send.status} to one of kind {kind}")


def _near(mark: Mark, send: Send) -> bool:
    """Whether the line broke because its process was gone. ``ended`` of such a mark: it listens again."""
    return mark.replica in (-1, send.replica) and mark.covers(send.ended, BLUR_S, RESTARTS_WITHIN_S)


def _moment(ledger: Ledger, at: float) -> str:
    """Name a time by the seconds since the run began and what was going on."""
    begun = min((send.begun for send in ledger.sends), default=at)
    going_on = sorted({mark.cause.value for mark in ledger.marks if mark.covers(at)})
    return f"{at - begun:.1f} s" + (f" ({', '.join(going_on)})" if going_on else "")
