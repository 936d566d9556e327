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

_TOPIC_ERRORS = (
    TopicAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    InvalidTimestampError,
)
_TOO_LARGE_ERRORS = (MessageSizeTooLargeError, RecordListTooLargeError)

_MIN_BACKOFF_S = 1.0
_MAX_BACKOFF_S = 30.0


def is_topic_error(error: BaseException) -> bool:
    """Whether a broker says by ``error`` that it takes nothing for that topic."""
    return isinstance(error, _TOPIC_ERRORS)


def describe_batch_error(error: BaseException) -> str:
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
    return isinstance(error, _TOO_LARGE_ERRORS)


class TopicBackoff:
    """Topics that refused. Those in ``closed`` are not tried before their pause is over.

    Every refusal costs a producer, so the pauses between tries double. Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self.blocked_until: dict[str, float] = {}  # until when
        self._backoffs_s: dict[str, float] = {}

    def failed(self, topic: str, now: float) -> None:
        """Note a refusal. Those of one try count once."""
        if topic not in self.blocked_until:
            backoff_s = min(2 * self._backoffs_s.get(topic, _MIN_BACKOFF_S / 2), _MAX_BACKOFF_S)
            self._backoffs_s[topic] = backoff_s
            self.blocked_until[topic] = now + backoff_s

    def succeeded(self, topic: str) -> bool:
        """Note that the topic takes records: forgiven and forgotten. Tells whether it was closed."""
        return bool(self._backoffs_s.pop(topic, None) and self.blocked_until.pop(topic, None))

    def expire(self, now: float) -> bool:
        """Let those be tried again whose pause is over. Tells whether there are any."""
        expired = [topic for topic, until in self.blocked_until.items() if until <= now]
        for topic in expired:
            del self.blocked_until[topic]
        return bool(expired)
