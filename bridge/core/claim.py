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

_MARKS: dict[Format, str] = {"v3": "v", "legacy": "l"}
_TIME_WIDTH = 13
COMMIT, RELEASE, RENEW = "crn"


class Answer(StrEnum):
    """What is known of an occurrence."""

    FRESH = "fresh"
    HELD = "held"
    SEEN = "seen"
    REVISED = "revised"
    AWAY = "away"


_FRESH = "fF"
_LETTERS = {
    "f": Answer.FRESH,
    "t": Answer.FRESH,  # taken over from an owner that is gone
    "h": Answer.HELD,
    "s": Answer.SEEN,
    "r": Answer.REVISED,  # and so is what the script makes of its claim: the caller asks for that next
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
    mark: str
    first_ms: int
    token: str
    group: str = ""
    answer: Answer = Answer.AWAY
    audit: bool = False
    revision: bool = False

    @property
    def event_id(self) -> str:
        """The event's id: the key, and for a recurring type the time of its first delivery."""
        return f"{self.identity.key}@{self.first_ms}" if self.identity.recurring else self.identity.key

    def differs_from(self, other: "Claim") -> bool:
        """Tell whether this is a revised content of ``other``'s occurrence: same format, other digest."""
        return self.format == other.format and self.mark != other.mark and not self.audit

    def asked(self) -> str:
        """Say this claim as memory.lua reads it."""
        kind = "g" if self.group else "a" if self.audit else "-"
        return f"{str(self.first_ms).zfill(_TIME_WIDTH)}{self.token}{self.mark}{kind}"

    def ending(self, what: str) -> str:
        """Say how this claim ends (``c``ommit, ``r``elease, ``n`` renew) as memory.lua reads it."""
        how = "C" if what == COMMIT and self.identity.recurring else what
        return f"{str(self.first_ms).zfill(_TIME_WIDTH)}{self.token}{self.mark}{how}"

    def revised(self) -> "Claim":
        """Turn to the id of its own that a revised content gets: the id and ``#<digest>``."""
        suffix = f"#{self.identity.digest}"
        identity = replace(self.identity, key=self.identity.key + suffix)
        return replace(self, key=self.key + suffix, identity=identity, revision=True)


def question(app: str, identity: Identity, body_format: Format, first_ms: int, token: str) -> Claim:
    """Ask for the occurrence that ``identity`` names, on behalf of an application."""
    key = f"vod:{{{app}}}:{identity.key}"
    group = f"vod:{{{app}}}:{identity.latest_of}" if identity.latest_of else ""
    return Claim(
        app, key, identity, body_format, _MARKS[body_format] + identity.digest, first_ms, token, group
    )


def answered(claims: list[Claim], text: str) -> list[Claim]:
    """Read memory.lua's answer to ``claims``: a letter for each, then a time for each that is not ``f``.

    A capital letter answers for the revised content. Raises ``LookupError`` or ``ValueError`` where it is no
    answer to them.
    """
    at = len(claims)
    answers = []
    for claim, letter in zip(claims, text[:at], strict=True):
        first_ms = claim.first_ms
        answer = _LETTERS.get(letter)
        if answer is None:
            answer, claim = _LETTERS[letter.lower()], claim.revised()  # noqa: PLW2901 - it is about that one
        if letter not in _FRESH:
            first_ms = int(text[at : at + _TIME_WIDTH])
            at += _TIME_WIDTH
        answers.append(replace(claim, answer=answer, first_ms=first_ms))
    if at != len(text):
        raise ValueError(text)
    return answers


class Finished:
    """What this process finished and the shared memory did not take yet; it answers meanwhile.

    Bounded to ``most`` entries: the oldest is forgotten first, which repeats an event and never loses one.
    ``window_ms`` is for how long after the first delivery another format's copy is the same delivery.
    """

    def __init__(self, most: int = 20_000, window_ms: int = 900_000) -> None:
        self._most = most
        self._window_ms = window_ms
        self._claims: OrderedDict[str, tuple[Claim, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._claims)

    def keep(self, claim: Claim, until_ms: int) -> None:
        """Remember that ``claim``'s event is durable, until ``until_ms`` (unix milliseconds)."""
        self._claims[claim.key] = (claim, until_ms)
        if len(self._claims) > self._most:
            self._claims.popitem(last=False)

    def forget(self, claim: Claim) -> None:
        """Forget ``claim``: the shared memory has it now."""
        self._claims.pop(claim.key, None)

    def answer(self, claim: Claim) -> Claim | None:
        """Answer ``claim`` from what was finished here, or None where nothing is known."""
        known, until_ms = self._claims.get(claim.key, (None, 0))
        # Of a group only the latest state's repeat is a duplicate, and which one that is is not known here.
        if known is None or claim.first_ms > until_ms or claim.group:
            return None
        is_late = claim.format != known.format and claim.first_ms - known.first_ms > self._window_ms
        is_revised = claim.differs_from(known) or (is_late and not claim.audit)
        answer = Answer.REVISED if is_revised else Answer.SEEN
        return replace(claim, answer=answer, first_ms=known.first_ms)

    def some(self, most: int, now_ms: int, without: Container[str] = ()) -> list[Claim]:
        """List the oldest ``most`` entries, to be offered to the shared memory again.

        Those of the applications in ``without`` are passed over: the shared memory does not serve them now.
        Those whose time is over are forgotten: offered, they would be remembered anew, for what recurs.
        """
        for key in [key for key, (_, until_ms) in self._claims.items() if until_ms < now_ms]:
            del self._claims[key]
        offered = (claim for claim, _ in self._claims.values() if claim.app not in without)
        return list(islice(offered, most))
