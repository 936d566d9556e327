"""Order per key while deliveries are retried: a later event of the key waits until the earlier one has ended.

So it does for one whose record is encoded in a thread, until it is sent. Empty unless something fails or is
large: the common path only checks whether it is empty.
"""

from bisect import insort
from operator import attrgetter

from msgspec import Struct, field

from bridge.aio.promise import Promise
from bridge.core.claim import Claim

TopicKey = tuple[str, bytes]
"""A topic and a record's key."""

_number = attrgetter("number")


class Retry(Struct, eq=False):
    """A delivery that failed and may be retried, or is encoded.

    ``number`` is its position in the order of receipt, ``request`` the claim of its event. ``done`` resolves
    once it is sent, durable, or given up.
    """

    key: TopicKey
    request: Claim
    number: int
    done: Promise[bool] = field(default_factory=Promise)


class RetryOrder:
    """All deliveries that are retried or encoded. ``by_key``: in the order of receipt; empty if none are."""

    def __init__(self) -> None:
        self.by_key: dict[TopicKey, list[Retry]] = {}

    def add(self, retry: Retry) -> None:
        """Make later events of its key wait for ``retry``."""
        insort(self.by_key.setdefault(retry.key, []), retry, key=_number)

    def remove(self, retry: Retry) -> None:
        """Let later events of its key proceed: it is durable, or given up."""
        retries = self.by_key[retry.key]
        retries.remove(retry)
        if not retries:
            del self.by_key[retry.key]
        retry.done.set_result(value=True)

    def find_earlier(self, key: TopicKey, claim: Claim, number: int) -> Retry | None:
        """Return what an event has to wait for: the first retry of its key that was received before it.

        None if that retry is of the same event: the two deliveries would wait for each other.
        """
        for retry in self.by_key.get(key, ()):
            if retry.number >= number or _is_same_event(retry.request, claim):
                return None
            return retry
        return None


def _is_same_event(request: Claim, claim: Claim) -> bool:
    if claim.key == request.key:
        return not request.is_revision_of(claim)
    return claim.key == request.as_revision().key
