"""What was sent, what was answered, and what was done to the processes meanwhile: the audit's one source.

Only notes. Times are unix seconds, so that they can be held against the bridge's and the broker's.
"""

from enum import StrEnum
from math import inf

from msgspec import Struct

UNKNOWN = -1  # which replica took a send, where a balancer chose


class Kind(StrEnum):
    """What a notification is."""

    EVENT = "event"
    LEGACY = "legacy"
    BROKEN = "broken"


class Notification(Struct, frozen=True, kw_only=True):
    """One notification. Those of one ``key`` are numbered in the order in which they are sent."""

    task: str
    kind: Kind
    key: str = ""
    sequence: int = 0

    @property
    def event_id(self) -> str:
        """The id that the bridge has to give it (contract 7); none where it can never be an event."""
        if self.kind is Kind.EVENT:
            return f"EditMediaComplete:{self.task}:FINISH"
        return f"TranscodeComplete:{self.task}" if self.kind is Kind.LEGACY else ""

    @property
    def mark(self) -> str:
        """What is in its body, and so must be in its record."""
        return f"{self.key}~{self.sequence}~{self.task}"


class Send(Struct, frozen=True, kw_only=True):
    """One send and its answer. ``status`` is 0 where there is none: not in time, or the connection broke."""

    task: str
    begun: float
    ended: float
    replica: int = 0
    again: bool = False  # a redelivery that nobody asked for
    status: int = 0
    outcome: str = ""
    event_id: str = ""
    broken: bool = False

    @property
    def seconds(self) -> float:
        """How long the vendor waited."""
        return self.ended - self.begun

    @property
    def good(self) -> bool:
        """Whether the answer promised that the event is durable."""
        return 200 <= self.status < 300

    @property
    def promised(self) -> bool:
        """Whether it promised that something is in Kafka: an event, or a dead letter."""
        return self.good or self.status == 422


class Cause(StrEnum):
    """What was done, or seen to happen."""

    KILLED = "killed"
    ENDED = "ended"
    REPLACED = "producer replaced"
    REDIS_UNAVAILABLE = "redis unavailable"
    REDIS_LOST_DATA = "redis lost its data"
    KAFKA = "kafka"
    STARVED = "starved"  # a bridge that was well did not answer for seconds: the machine gave it no processor


class Mark(Struct, frozen=True, kw_only=True):
    """Something that happened, to all or to one replica.

    Of a bridge that was killed or ended: until its next life listens. ``held_until`` is for what ends a
    producer: only what was received by then can have been in it.
    """

    cause: Cause
    begun: float
    ended: float = inf
    replica: int = -1
    held_until: float = -inf

    def covers(self, at: float, before_s: float = 0.0, after_s: float = 0.0) -> bool:
        """Whether ``at`` lies within it, or so near to it."""
        return self.begun - before_s <= at <= self.ended + after_s


class Ledger:
    """Everything that was noted in one run."""

    def __init__(self) -> None:
        self.notifications: dict[str, Notification] = {}
        self.sends: list[Send] = []
        self.marks: list[Mark] = []
        self.held_back = 0  # notifications that the vendor could not begin: every key was waited for
        self.problems: list[str] = []  # what is wrong whatever the records are

    def of_task(self) -> dict[str, list[Send]]:
        """Give the sends of each task, in the order in which they were begun."""
        found: dict[str, list[Send]] = {}
        for send in sorted(self.sends, key=lambda send: send.begun):
            found.setdefault(send.task, []).append(send)
        return found

    def marked(self, *causes: Cause) -> list[Mark]:
        """Give the marks of these causes."""
        return [mark for mark in self.marks if mark.cause in causes]

    def begin(self, cause: Cause, at: float) -> None:
        """Note that something has begun."""
        self.marks.append(Mark(cause=cause, begun=at))

    def end(self, cause: Cause, at: float) -> None:
        """Note that it is over."""
        self.marks = [
            Mark(cause=cause, begun=mark.begun, ended=at)
            if mark.cause is cause and mark.ended == inf
            else mark
            for mark in self.marks
        ]
