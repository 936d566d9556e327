"""Dedup claims, their encoding for dedup.lua, and its reply. Pure: no connection lives here.

dedup.lua documents the values in Redis.
"""

from collections import OrderedDict
from collections.abc import Container
from enum import StrEnum
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.event import Format, Identity

_FORMAT_LETTERS: dict[Format, str] = {"v3": "v", "legacy": "l"}
_TIME_WIDTH = 13
COMMIT, RELEASE, RENEW = "crn"


class ClaimStatus(StrEnum):
    """The dedup store's reply to a claim."""

    ACQUIRED = "acquired"
    HELD = "held"
    DUPLICATE = "duplicate"
    REVISED = "revised"
    UNAVAILABLE = "unavailable"


_ACQUIRED_LETTERS = "fF"
_STATUS_BY_LETTER = {
    "f": ClaimStatus.ACQUIRED,
    "t": ClaimStatus.ACQUIRED,  # taken over from an owner whose lease expired
    "h": ClaimStatus.HELD,
    "s": ClaimStatus.DUPLICATE,
    "r": ClaimStatus.REVISED,  # the caller claims the revision's id next
}


class Claim(Struct, frozen=True, gc=False):
    """The claim of one delivery on an event's key, made by `new_claim`; a reply is a copy with its status.

    ``key`` is the Redis key. ``state_group`` is the key of the latest state of its group, empty where there
    is none. The braces in both put an application's keys into one slot of a cluster. ``owner_token`` (16
    characters): nobody else may commit or release the claim. ``first_ms``: when the first delivery of the
    event was received, in unix milliseconds. ``fingerprint``: the delivered content, as a letter for the
    format and the digest. If the key was committed with other content, the reply is the claim on the
    revision's own key (``revision``), which dedup.lua claims in the same call. With REVISED it did not: claim
    `as_revision` next. An ``audit`` claim never makes a revision.
    """

    app: str
    key: str
    identity: Identity
    format: Format
    fingerprint: str
    first_ms: int
    owner_token: str
    state_group: str = ""
    status: ClaimStatus = ClaimStatus.UNAVAILABLE
    audit: bool = False
    revision: bool = False

    @property
    def event_id(self) -> str:
        """The event's id: the identity's key, with ``@first_ms`` for a recurring type."""
        return f"{self.identity.key}@{self.first_ms}" if self.identity.recurring else self.identity.key

    def is_revision_of(self, other: "Claim") -> bool:
        """Whether this is a revision of ``other``'s event: the same format, another digest."""
        return self.format == other.format and self.fingerprint != other.fingerprint and not self.audit

    def encode_claim(self) -> str:
        """Encode this claim for dedup.lua."""
        kind = "g" if self.state_group else "a" if self.audit else "-"
        return f"{str(self.first_ms).zfill(_TIME_WIDTH)}{self.owner_token}{self.fingerprint}{kind}"

    def encode_settlement(self, settlement: str) -> str:
        """Encode a commit (``c``), release (``r``) or renewal (``n``) of this claim for dedup.lua."""
        how = "C" if settlement == COMMIT and self.identity.recurring else settlement
        return f"{str(self.first_ms).zfill(_TIME_WIDTH)}{self.owner_token}{self.fingerprint}{how}"

    def as_revision(self) -> "Claim":
        """Return the claim on the revision's own id: this id and ``#<digest>``."""
        suffix = f"#{self.identity.digest}"
        identity = replace(self.identity, key=self.identity.key + suffix)
        return replace(self, key=self.key + suffix, identity=identity, revision=True)


def new_claim(app: str, identity: Identity, body_format: Format, first_ms: int, owner_token: str) -> Claim:
    """Return an application's claim on ``identity``. ``first_ms``: when this delivery came, unix ms."""
    key = f"vod:{{{app}}}:{identity.key}"
    group = f"vod:{{{app}}}:{identity.latest_state_group}" if identity.latest_state_group else ""
    return Claim(
        app=app,
        key=key,
        identity=identity,
        format=body_format,
        fingerprint=_FORMAT_LETTERS[body_format] + identity.digest,
        first_ms=first_ms,
        owner_token=owner_token,
        state_group=group,
    )


def decode_results(claims: list[Claim], text: str) -> list[Claim]:
    """Decode dedup.lua's reply to ``claims``: a letter for each, then a time for each that is not ``f``.

    A capital letter is the reply for the revision's key. Raises ``LookupError`` or ``ValueError`` where the
    text is no reply to these claims.
    """
    offset = len(claims)
    results = []
    for claim, letter in zip(claims, text[:offset], strict=True):
        first_ms = claim.first_ms
        status = _STATUS_BY_LETTER.get(letter)
        if status is None:
            status, claim = _STATUS_BY_LETTER[letter.lower()], claim.as_revision()  # noqa: PLW2901 - the reply is for the revision
        if letter not in _ACQUIRED_LETTERS:
            first_ms = int(text[offset : offset + _TIME_WIDTH])
            offset += _TIME_WIDTH
        results.append(replace(claim, status=status, first_ms=first_ms))
    if offset != len(text):
        raise ValueError(text)
    return results


class UnsyncedCommits:
    """Commits that this process could not write to Redis yet; they answer claims meanwhile.

    Bounded to ``max_entries``: the oldest is dropped first, which may repeat an event and never loses one.
    ``window_ms``: how long after the first delivery a copy in the other format counts as the same event, in
    milliseconds. ``claims``: each with the time until which it is kept, by its key, the oldest first.
    """

    def __init__(self, max_entries: int = 20_000, window_ms: int = 900_000) -> None:
        self._max_entries = max_entries
        self._window_ms = window_ms
        self.claims: OrderedDict[str, tuple[Claim, int]] = OrderedDict()

    def add(self, claim: Claim, until_ms: int) -> None:
        """Keep the commit of ``claim``, whose event is durable, until ``until_ms`` (unix milliseconds)."""
        self.claims[claim.key] = (claim, until_ms)
        if len(self.claims) > self._max_entries:
            self.claims.popitem(last=False)

    def discard(self, claim: Claim) -> None:
        """Remove ``claim``: its commit is in Redis now."""
        self.claims.pop(claim.key, None)

    def lookup(self, claim: Claim) -> Claim | None:
        """Return the reply to ``claim`` from a commit here, or None where there is none for it."""
        known, until_ms = self.claims.get(claim.key, (None, 0))
        # In a group only a repeat of the latest state is a duplicate, and only Redis knows the latest state.
        if known is None or claim.first_ms > until_ms or claim.state_group:
            return None
        is_late = claim.format != known.format and claim.first_ms - known.first_ms > self._window_ms
        is_revised = claim.is_revision_of(known) or (is_late and not claim.audit)
        status = ClaimStatus.REVISED if is_revised else ClaimStatus.DUPLICATE
        return replace(claim, status=status, first_ms=known.first_ms)

    def oldest(self, limit: int, now_ms: int, excluded_apps: Container[str] = ()) -> list[Claim]:
        """Return the ``limit`` oldest entries, to write to Redis again. ``now_ms``: unix milliseconds.

        Skips those of ``excluded_apps``, for which Redis is unavailable. Removes those that have expired:
        written now, they would suppress a new occurrence of a recurring event.
        """
        for key in [key for key, (_, until_ms) in self.claims.items() if until_ms < now_ms]:
            del self.claims[key]
        candidates = (claim for claim, _ in self.claims.values() if claim.app not in excluded_apps)
        return list(islice(candidates, limit))
