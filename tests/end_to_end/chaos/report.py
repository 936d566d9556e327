"""What a run found, for a reader and for a program."""

from collections import Counter
from pathlib import Path
from typing import Any

from msgspec import json, to_builtins

from tests.end_to_end.chaos.audit import FindingKind
from tests.end_to_end.chaos.run import RunResult

SHOWN = 10


def sums(found: RunResult) -> dict[str, Any]:
    """Add the ledger up."""
    ledger, verdict = found.ledger, found.verdict
    sends = ledger.of_task()
    answers = Counter(send.outcome or str(send.status or "none") for send in ledger.sends)
    redelivered = Counter(send.outcome or "none" for send in ledger.sends if send.again)
    return {
        "notifications": len(ledger.notifications),
        "sends": len(ledger.sends),
        "answers": dict(answers.most_common()),
        "answers to redeliveries": dict(redelivered.most_common()),
        "longest answer in s": round(
            max((send.seconds for send in ledger.sends if send.status), default=0), 3
        ),
        "given up by the vendor": sum(not any(s.status for s in sent) for sent in sends.values()),
        "held back by the vendor": ledger.held_back,
        "records": len(found.published),
        "of them dead letters": sum(record.is_dead_letter for record in found.published),
        "repeats": {str(reason): count for reason, count in verdict.repeats.most_common()},
        "order excused": {str(reason): count for reason, count in verdict.excused.most_common()},
        "missing for damage, kept and counted": verdict.damaged,
        **{str(kind).lower(): verdict.count(kind) for kind in FindingKind},
        "marks": dict(Counter(str(mark.cause) for mark in ledger.marks)),
        **{name: round(number, 2) for name, number in found.numbers.items()},
    }


def as_text(name: str, found: RunResult) -> str:
    """Write the sums, then what is wrong."""
    lines = [f"\n{name}: {'good' if found.good else 'NOT GOOD'}"]
    for what, value in sums(found).items():
        text = (
            ", ".join(f"{word} {count:,}" for word, count in value.items())
            if isinstance(value, dict)
            else value
        )
        lines.append(f"  {what:38} {text:,}" if isinstance(text, int) else f"  {what:38} {text or '-'}")
    for kind in FindingKind:
        findings = [finding for finding in found.verdict.findings if finding.kind is kind]
        lines += [f"{kind} {finding.task}: {finding.text}" for finding in findings[:SHOWN]]
        if len(findings) > SHOWN:
            lines.append(f"{kind} and {len(findings) - SHOWN} more")
    lines += [f"MISSED {bar}" for bar in found.missed]
    lines += [f"COMPLAINT {complaint}" for complaint in found.ledger.problems]
    return "\n".join(lines) + "\n"


def write(path: Path, found: dict[str, RunResult]) -> None:
    """Write everything but the single sends as JSON."""
    report = {
        name: {
            "good": one.good,
            "sums": sums(one),
            "findings": to_builtins(one.verdict.findings),
            "missed": one.missed,
            "problems": one.ledger.problems,
            "marks": [to_builtins(mark) for mark in one.ledger.marks],
            "timeline": to_builtins(one.timeline),
        }
        for name, one in found.items()
    }
    path.write_bytes(json.format(json.encode(report), indent=1))
