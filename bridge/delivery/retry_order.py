"""Order per key while deliveries are retried: a later event of the key waits until the earlier one has ended.

So it does for one whose record is encoded in a thread, until it is sent. Empty unless something fails or is
large: the common path only checks whether it is empty.
"""

from bisect import insort
from operator import attrgetter
from typing import TypeVar

from msgspec import Struct, field

from bridge.aio.promise import Promise
from bridge.core.claim import Claim

TopicKey = tuple[str, bytes]
"""A topic and a record's key."""
T = TypeVar("T")

_number = attrgetter("number")


class Retry(Struct, eq=False):
    """A delivery that failed and may be retried, or is encoded.

    ``number`` is its position in the order of receipt, ``request`` the claim of its event.
    """

    key: TopicKey
    request: Claim
    number: int


class Waiter(Struct, eq=False):
    """An event that waits for earlier ones of its key. ``turn`` resolves once none is before it."""

    key: TopicKey
    claim: Claim
    number: int
    turn: Promise[bool] = field(default_factory=Promise)


class RetryOrder:
    """All deliveries that are retried or encoded. ``by_key``: in the order of receipt; empty if none are.

    Those that wait for them are resumed in the order of receipt, too, whatever each of them waits for.
    """

    def __init__(self) -> None:
        self.by_key: dict[TopicKey, list[Retry]] = {}
        self._waiters: dict[TopicKey, list[Waiter]] = {}
        self._removed: list[TopicKey] = []

    def add(self, retry: Retry) -> None:
        """Make later events of its key wait for ``retry``."""
        insort(self.by_key.setdefault(retry.key, []), retry, key=_number)

    def remove(self, retry: Retry) -> None:
        """Let later events of its key proceed: it is sent, durable, or given up."""
        _remove(self.by_key, retry.key, retry)
        if retry.key not in self._waiters:
            return
        self._removed.append(retry.key)
        if len(self._removed) > 1:  # one that is resumed was removed itself: what it frees comes after it
            return
        try:
            for key in self._removed:  # grows meanwhile
                for waiter in self._waiters.get(key, [])[:]:
                    if waiter.turn.pending and not self._is_behind(waiter):
                        waiter.turn.set_result(value=True)
        finally:
            self._removed.clear()

    def wait_for_earlier(self, key: TopicKey, claim: Claim, number: int) -> Waiter | None:
        """Return an event's turn to wait for, and to `forget` then; None if it need not wait.

        None also if the first retry is of the same event: the two deliveries would wait for each other.
        """
        waiter = Waiter(key, claim, number)
        if not self._is_behind(waiter):
            return None
        insort(self._waiters.setdefault(key, []), waiter, key=_number)
        return waiter

    def forget(self, waiter: Waiter) -> None:
        """Forget an event that waits no longer."""
        _remove(self._waiters, waiter.key, waiter)

    def _is_behind(self, waiter: Waiter) -> bool:
        first = next(iter(self.by_key.get(waiter.key, ())), None)
        if first is None or first.number >= waiter.number:
            return False
        return not _is_same_event(first.request, waiter.claim)


def _remove(by_key: dict[TopicKey, list[T]], key: TopicKey, entry: T) -> None:
    entries = by_key[key]
    entries.remove(entry)
    if not entries:
        del by_key[key]


def _is_same_event(request: Claim, claim: Claim) -> bool:
    if claim.key == request.key:
        return not request.is_revision_of(claim)
    return claim.key == request.as_revision().key
