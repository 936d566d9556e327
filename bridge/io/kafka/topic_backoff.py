"""Which topics refuse what is sent to them, and when each is retried. No connection lives here."""

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
    """Whether ``error`` means that the broker accepts nothing for the topic."""
    return isinstance(error, _TOPIC_ERRORS)


def describe_batch_error(error: BaseException) -> str:
    """Return the error's name; for a refused timestamp also which clock to check."""
    name = type(error).__name__
    if not isinstance(error, InvalidTimestampError):
        return name
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return (
        f"{name}: the time of this machine, {now}, is further from the broker's than the topic allows "
        "(message.timestamp.after.max.ms, an hour by default): set the clock"
    )


def is_too_large(error: BaseException) -> bool:
    """Whether ``error`` means that the batch is larger than the broker accepts."""
    return isinstance(error, _TOO_LARGE_ERRORS)


class TopicBackoff:
    """Topics that refused a batch. ``blocked_until`` maps them to the monotonic time of their next try.

    ``backoffs_s`` are the current pauses in seconds of those that have accepted nothing since.
    Every refusal costs a producer, so the backoff doubles.
    """

    def __init__(self) -> None:
        self.blocked_until: dict[str, float] = {}
        self.backoffs_s: dict[str, float] = {}

    def failed(self, topic: str, now: float) -> None:
        """Note a refusal. Several while the topic is blocked count once."""
        if topic not in self.blocked_until:
            backoff_s = min(2 * self.backoffs_s.get(topic, _MIN_BACKOFF_S / 2), _MAX_BACKOFF_S)
            self.backoffs_s[topic] = backoff_s
            self.blocked_until[topic] = now + backoff_s

    def succeeded(self, topic: str) -> bool:
        """Note that the topic accepts records; its backoff starts anew. Returns whether it was blocked."""
        return bool(self.backoffs_s.pop(topic, None) and self.blocked_until.pop(topic, None))

    def expire(self, now: float) -> bool:
        """Unblock the topics whose backoff is over. Returns whether there are any."""
        expired = [topic for topic, until in self.blocked_until.items() if until <= now]
        for topic in expired:
            del self.blocked_until[topic]
        return bool(expired)
