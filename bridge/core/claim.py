"""What the memory answers, and the short texts in which it is asked (the Lua script reads them).

Pure: no connection lives here. The script tells what the remembered value looks like.
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
    """What is known of an occurrence."""

    ACQUIRED = "acquired"
    HELD = "held"
    DUPLICATE = "duplicate"
    REVISED = "revised"
    UNAVAILABLE = "unavailable"


_ACQUIRED_LETTERS = "fF"
_STATUS_BY_LETTER = {
    "f": ClaimStatus.ACQUIRED,
    "t": ClaimStatus.ACQUIRED,  # taken over from an owner that is gone
    "h": ClaimStatus.HELD,
    "s": ClaimStatus.DUPLICATE,
    "r": ClaimStatus.REVISED,  # and so is what the script makes of its claim: the caller asks for that next
}


class Claim(Struct, frozen=True, gc=False):
    """One delivery's hold on an occurrence, or its question for one; made by `question`.

    ``key`` is the key remembered, ``group`` the one under which the latest state of its kind is (empty where
    there is none): the braces put an application's keys into one slot of a cluster. ``token`` (16
    characters) names the owner: nobody else may commit or release it. ``first_ms`` is when the occurrence's
    first delivery was received (unix milliseconds), this one's own where it is the first. ``mark`` is the
    delivered content as remembered: a letter for the format and the digest. Where the same occurrence was
    seen with other content, the answer is the claim of the revised content's own id (``revision``), which
    was asked for in the same call; with `Answer.REVISED` it was not and is to be asked for by `revised`. An
    ``audit`` never makes a revision.
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
        """The event's id: the key, and for a recurring type the time of its first delivery."""
        return f"{self.identity.key}@{self.first_ms}" if self.identity.recurring else self.identity.key

    def is_revision_of(self, other: "Claim") -> bool:
        """Tell whether this is a revised content of ``other``'s occurrence: same format, other digest."""
        return self.format == other.format and self.fingerprint != other.fingerprint and not self.audit

    def encode_claim(self) -> str:
        """Say this claim as dedup.lua reads it."""
        kind = "g" if self.state_group else "a" if self.audit else "-"
        return f"{str(self.first_ms).zfill(_TIME_WIDTH)}{self.owner_token}{self.fingerprint}{kind}"

    def encode_settlement(self, settlement: str) -> str:
        """Say how this claim ends (``c``ommit, ``r``elease, ``n`` renew) as dedup.lua reads it."""
        how = "C" if settlement == COMMIT and self.identity.recurring else settlement
        return f"{str(self.first_ms).zfill(_TIME_WIDTH)}{self.owner_token}{self.fingerprint}{how}"

    def as_revision(self) -> "Claim":
        """Turn to the id of its own that a revised content gets: the id and ``#<digest>``."""
        suffix = f"#{self.identity.digest}"
        identity = replace(self.identity, key=self.identity.key + suffix)
        return replace(self, key=self.key + suffix, identity=identity, revision=True)


def new_claim(app: str, identity: Identity, body_format: Format, first_ms: int, owner_token: str) -> Claim:
    """Ask for the occurrence that ``identity`` names, on behalf of an application."""
    key = f"vod:{{{app}}}:{identity.key}"
    group = f"vod:{{{app}}}:{identity.latest_state_group}" if identity.latest_state_group else ""
    return Claim(
        app,
        key,
        identity,
        body_format,
        _FORMAT_LETTERS[body_format] + identity.digest,
        first_ms,
        owner_token,
        group,
    )


def decode_results(claims: list[Claim], text: str) -> list[Claim]:
    """Read dedup.lua's answer to ``claims``: a letter for each, then a time for each that is not ``f``.

    A capital letter answers for the revised content. Raises ``LookupError`` or ``ValueError`` where it is no
    answer to them.
    """
    offset = len(claims)
    results = []
    for claim, letter in zip(claims, text[:offset], strict=True):
        first_ms = claim.first_ms
        answer = _STATUS_BY_LETTER.get(letter)
        if answer is None:
            answer, claim = _STATUS_BY_LETTER[letter.lower()], claim.as_revision()  # noqa: PLW2901 - it is about that one
        if letter not in _ACQUIRED_LETTERS:
            first_ms = int(text[offset : offset + _TIME_WIDTH])
            offset += _TIME_WIDTH
        results.append(replace(claim, status=answer, first_ms=first_ms))
    if offset != len(text):
        raise ValueError(text)
    return results


class UnsyncedCommits:
    """What this process finished and the shared memory did not take yet; it answers meanwhile.

    Bounded to ``most`` entries: the oldest is forgotten first, which repeats an event and never loses one.
    ``window_ms`` is for how long after the first delivery another format's copy is the same delivery.
    """

    def __init__(self, max_entries: int = 20_000, window_ms: int = 900_000) -> None:
        self._max_entries = max_entries
        self._window_ms = window_ms
        self._claims: OrderedDict[str, tuple[Claim, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._claims)

    def add(self, claim: Claim, until_ms: int) -> None:
        """Remember that ``claim``'s event is durable, until ``until_ms`` (unix milliseconds)."""
        self._claims[claim.key] = (claim, until_ms)
        if len(self._claims) > self._max_entries:
            self._claims.popitem(last=False)

    def discard(self, claim: Claim) -> None:
        """Forget ``claim``: the shared memory has it now."""
        self._claims.pop(claim.key, None)

    def lookup(self, claim: Claim) -> Claim | None:
        """Answer ``claim`` from what was finished here, or None where nothing is known."""
        known, until_ms = self._claims.get(claim.key, (None, 0))
        # Of a group only the latest state's repeat is a duplicate, and which one that is is not known here.
        if known is None or claim.first_ms > until_ms or claim.state_group:
            return None
        is_late = claim.format != known.format and claim.first_ms - known.first_ms > self._window_ms
        is_revised = claim.is_revision_of(known) or (is_late and not claim.audit)
        answer = ClaimStatus.REVISED if is_revised else ClaimStatus.DUPLICATE
        return replace(claim, status=answer, first_ms=known.first_ms)

    def oldest(self, limit: int, now_ms: int, excluded_apps: Container[str] = ()) -> list[Claim]:
        """List the oldest ``most`` entries, to be offered to the shared memory again.

        Those of the applications in ``without`` are passed over: the shared memory does not serve them now.
        Those whose time is over are forgotten: offered, they would be remembered anew, for what recurs.
        """
        for key in [key for key, (_, until_ms) in self._claims.items() if until_ms < now_ms]:
            del self._claims[key]
        candidates = (claim for claim, _ in self._claims.values() if claim.app not in excluded_apps)
        return list(islice(candidates, limit))
