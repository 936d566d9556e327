"""Which topics refuse what is sent to them, and when each is tried again. No connection lives here."""

from datetime import UTC, datetime

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTimestampError,
    InvalidTopicError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

_REFUSED = (
    TopicAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    InvalidTimestampError,
)
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)

_FIRST_PAUSE_S = 1.0
_LAST_PAUSE_S = 30.0


def is_refusal(error: BaseException) -> bool:
    """Whether a broker says by ``error`` that it takes nothing for that topic."""
    return isinstance(error, _REFUSED)


def reason_of(error: BaseException) -> str:
    """Say what a broker refused by: the error's name; of a time, whose clock to look at."""
    name = type(error).__name__
    if not isinstance(error, InvalidTimestampError):
        return name
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return (
        f"{name}: the time of this machine, {now}, is further from the broker's than the topic allows "
        "(message.timestamp.after.max.ms, an hour by default): set the clock"
    )


def is_too_large(error: BaseException) -> bool:
    """Whether it says that what was sent is larger than it takes."""
    return isinstance(error, _TOO_LARGE)


class Refusals:
    """Topics that refused. Those in ``closed`` are not tried before their pause is over.

    Every refusal costs a producer, so the pauses between tries double. Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self.closed: dict[str, float] = {}  # until when
        self._pauses: dict[str, float] = {}

    def refused(self, topic: str, now: float) -> None:
        """Note a refusal. Those of one try count once."""
        if topic not in self.closed:
            pause = min(2 * self._pauses.get(topic, _FIRST_PAUSE_S / 2), _LAST_PAUSE_S)
            self._pauses[topic] = pause
            self.closed[topic] = now + pause

    def taken(self, topic: str) -> bool:
        """Note that the topic takes records: forgiven and forgotten. Tells whether it was closed."""
        return bool(self._pauses.pop(topic, None) and self.closed.pop(topic, None))

    def over(self, now: float) -> bool:
        """Let those be tried again whose pause is over. Tells whether there are any."""
        due = [topic for topic, until in self.closed.items() if until <= now]
        for topic in due:
            del self.closed[topic]
        return bool(due)
