"""The account of a run: what was answered, against what stands in Kafka."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from bridge.core.event import Record
from bridge.core.outcome import DeliveryResult

DEAD_LETTERS = "vod.dead-letter"


class Delivery(msgspec.Struct):
    """What was delivered: ``content`` numbers it, ``repeats`` the content of an earlier one."""

    content: int
    topic: str
    key: bytes
    task: str
    size: int
    repeats: bool = False
    outcome: DeliveryResult | None = None

    def body(self) -> bytes:
        """Write the notification."""
        name = self.topic.removeprefix("vod.")
        payload = {
            "TaskId": self.task,
            "Status": "FINISH",
            "Message": f"{self.content}:{'x' * self.size}",
            "Output": {"FileId": self.key.decode()},
        }
        return msgspec.json.encode({"EventType": name, f"{name}Event": payload})


def content_of(record: Record) -> int:
    """Return which content a record carries."""
    body = msgspec.json.decode(record.value)
    payload = body.get("payload") or next(value for name, value in body.items() if name.endswith("Event"))
    return int(payload["Message"].partition(":")[0])


class LogEntry(NamedTuple):
    """A record as it stands in a partition."""

    key: bytes
    content: int


Log = Mapping[tuple[str, int], Sequence[LogEntry]]


def violations_in(deliveries: Sequence[Delivery], log: Log) -> list[str]:
    """Say what is lost, invented, or out of order."""
    return [*_lost(deliveries, log), *_disordered(deliveries, log)]


def _lost(deliveries: Sequence[Delivery], log: Log) -> list[str]:
    violations: list[str] = []
    known = {(topic, entry.content) for (topic, _), entries in log.items() for entry in entries}
    for delivery in deliveries:
        found, content = delivery.outcome, delivery.content
        is_dead_letter = (DEAD_LETTERS, content) in known
        if found is None:
            violations.append(f"{content} never ended")
        elif found.outcome in ("published", "spooled", "duplicate"):
            if not is_dead_letter and (delivery.topic, content) not in known:
                violations.append(f"{content} is lost ({found.outcome})")
        elif found.outcome == "rejected" and not (is_dead_letter and found.reason == "too_large"):
            violations.append(f"{content} is lost ({found.outcome}: {found.reason})")
    return violations


def _disordered(deliveries: Sequence[Delivery], log: Log) -> list[str]:
    """Compare first appearances by key. Of what was deferred and delivered again there is no one place."""
    violations: list[str] = []
    again = {one.content for one in deliveries if one.repeats}
    again &= {one.content for one in deliveries if one.outcome and one.outcome.outcome == "deferred"}
    sent = {one.content: (one.topic, one.key) for one in deliveries}
    for (topic, partition), entries in log.items():
        latest: dict[bytes, int] = {}
        seen = set(again)
        for key, content in entries if topic != DEAD_LETTERS else ():
            if sent.get(content) != (topic, key):
                violations.append(f"{content} in {topic}[{partition}] is invented")
            if content in seen:
                continue
            seen.add(content)
            before = latest.get(key, -1)
            if content < before:
                violations.append(f"{content} stands after {before} in {topic}[{partition}] {key!r}")
            latest[key] = max(content, before)
    return violations
