"""Succeeded, failed, partial: what the codes of a payload say, by the table of where they stand (§3.2).

One vote per owner of result keys: the payload itself, each element of its result sets, each object inside
such an element. What the vendor's codes mean is nowhere else.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import product
from operator import attrgetter
from typing import Any, get_args

from msgspec import UNSET, Struct, UnsetType, structs

from bridge.core.catalogue import Row, Word
from bridge.core.content import pick
from bridge.core.event import Failure, Verdict
from bridge.core.result_sets import result_owners
from bridge.core.task_status import ENDED_OTHERWISE, IN_PROGRESS, KNOWN

FAILURES_MAX = 100

_GOOD_CODES = ("0", "", "SUCCESS")
_CODES = ("ErrCode", "ErrCodeExt", "Status", "Message")
_codes_in_struct = attrgetter(*_CODES)
# Whoever has none of them says nothing.
_VOTING = frozenset({"ErrCode", "ErrCodeExt", "Status"})
_SEVERAL = 2
_GOOD_EXTS = (None, "", "SUCCESS")
_TELLING = frozenset({"SUCCESS", *ENDED_OTHERWISE})  # of a Status; all other words say nothing of a result


class Judgement(Struct, frozen=True, gc=False):
    """What became of the event's task; the first hundred failures, and how many more."""

    verdict: Verdict
    failures: tuple[Failure, ...] = ()
    failures_more: int = 0


class OwnCode(Struct, frozen=True):
    """A top-level code of a legacy delivery that has no place in the 3.0 shape."""

    code: int | str | None = None
    message: str = ""


NO_CODE = OwnCode()


def judge(
    value: Any,  # noqa: ANN401 - a struct or a dict
    row: Row,
    own: OwnCode = NO_CODE,
    unplaced: Sequence[tuple[str, dict[str, Any]]] = (),
) -> Judgement:
    """Let the payload's results vote, and those of a legacy body that it has no place for, by their paths."""
    if row.fact:
        return _SUCCEEDED
    is_strict = type(value) is not dict
    if is_strict and not unplaced and row.word is None and (own is NO_CODE or _is_good(own.code)):
        usual = _usual(value, row.results, own)
        if usual is not None:
            return usual
    tally = _Tally()
    payload_says = _vote(value, row.word, own)
    if payload_says is not None:
        tally.note("", payload_says)
    if is_strict:
        for name in row.results:
            _let_structs_vote(tally, name, getattr(value, name, None))
    else:
        _let_dicts_vote(tally, result_owners(value, row))
    _let_dicts_vote(tally, unplaced)
    return Judgement(
        _verdict(tally, payload_says, pick(value, "Status"), row), tuple(tally.failures), tally.failures_more
    )


def _usual(value: Any, results: tuple[str, ...], own: OwnCode) -> Judgement | None:  # noqa: ANN401 - a strict struct
    """Judge where everybody says only what is usual, so that none need be counted or quoted; else None."""
    state = value.Status
    said = (value.ErrCode, value.ErrCodeExt, state if state in _TELLING else None)
    is_good = said in _PLAINLY_GOOD
    if state not in KNOWN or (not is_good and said not in _SILENT):
        return None
    is_good = is_good or own.code is not None
    for name in results:
        found = getattr(value, name)
        if not found:
            continue
        elements = found if type(found) is list else [found]
        owners = _reach_of(elements[0].__class__).owners
        for element in elements:
            for owner in owners(element):
                if owner is None:
                    continue
                status = owner.Status
                said = (owner.ErrCode, owner.ErrCodeExt, status if status in _TELLING else None)
                if said in _PLAINLY_GOOD:
                    is_good = True
                elif said not in _SILENT:
                    return None
    if state in IN_PROGRESS:
        return _IN_PROGRESS
    return _SUCCEEDED if is_good else _UNKNOWN


class _Vote(Struct, frozen=True):
    """What one owner says. ``code`` to ``message`` are what is told of it where it is bad."""

    bad: bool
    code: int | str | UnsetType = UNSET
    code_ext: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


_GOOD = _Vote(bad=False)
_SUCCEEDED, _IN_PROGRESS, _UNKNOWN = Judgement("succeeded"), Judgement("in_progress"), Judgement("unknown")


class _Tally:
    """Votes of elements counted, failures kept."""

    def __init__(self) -> None:
        self.good = 0
        self.bad = 0
        self.failures: list[Failure] = []
        self.failures_more = 0

    def note(self, path: str, vote: _Vote) -> None:
        """Count an element's vote (the payload's own, with the empty path, is not one); keep a failure."""
        if path:
            self.good += not vote.bad
            self.bad += vote.bad
        if not vote.bad:
            return
        if len(self.failures) == FAILURES_MAX:
            self.failures_more += 1
            return
        failure = Failure(path=path, code=vote.code, code_ext=vote.code_ext, message=vote.message)
        self.failures.append(failure)


class _Reach(Struct, frozen=True):
    """Which objects of a strict struct may vote: those at ``names`` (empty for itself), got by ``owners``."""

    names: tuple[str, ...]
    owners: Callable[[Any], tuple[Any, ...]]


@cache
def _reach_of(kind: Any) -> _Reach:  # noqa: ANN401 - a class, which the cache asks to be hashable
    """Decide once for a struct: nearly all of its fields hold what can never vote."""
    fields = {field.name: field.type for field in structs.fields(kind)}
    found = []
    for name, hint in fields.items():
        classes = [one for one in get_args(hint) if isinstance(one, type) and issubclass(one, Struct)]
        if any(not _VOTING.isdisjoint(one.__struct_fields__) for one in classes):
            found.append(name)
    children = _all_of(tuple(found))
    if _VOTING.isdisjoint(fields):
        return _Reach(tuple(found), children)
    return _Reach(("", *found), lambda owner: (owner, *children(owner)))


@cache
def _all_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Make what takes all these members of a struct at once."""
    if len(names) < _SEVERAL:
        return lambda owner: tuple([getattr(owner, name) for name in names])
    return attrgetter(*names)


def _let_structs_vote(tally: _Tally, name: str, found: Any) -> None:  # noqa: ANN401 - what a strict struct holds
    """Let a result set of a strict struct vote: its elements, all of one class, and the objects in them."""
    if not found:
        return
    is_set = type(found) is list
    elements = found if is_set else [found]
    reach = _reach_of(elements[0].__class__)
    votes: dict[Any, _Vote | None] = {}
    for index, element in enumerate(elements):
        for child, owner in zip(reach.names, reach.owners(element), strict=True):
            if owner is None:
                continue
            said = _codes_in_struct(owner)  # of which very many may say the same
            if said in votes:
                says = votes[said]
            else:
                says = _vote(owner, None, NO_CODE)
                if len(votes) < _VOTES_KEPT:
                    votes[said] = says
            if says is None:
                continue
            if says.bad and len(tally.failures) == FAILURES_MAX:
                tally.bad += 1
                tally.failures_more += 1
                continue
            path = f"{name}[{index}]" if is_set else name
            tally.note(f"{path}.{child}" if child else path, says)


_VOTES_KEPT = 100


def is_failure(result: dict[str, Any]) -> bool:
    """Tell whether the codes or the Status of a result are bad; it is a dict with the names of 3.0."""
    vote = _vote(result, None, NO_CODE)
    return vote is not None and vote.bad


def _let_dicts_vote(tally: _Tally, owners: Iterable[tuple[str, dict[str, Any]]]) -> None:
    for path, owner in owners:
        if (says := _vote(owner, None, NO_CODE)) is not None:
            tally.note(path, says)


def _verdict(tally: _Tally, payload_says: _Vote | None, state: Any, row: Row) -> Verdict:  # noqa: ANN401 - any JSON value
    if state in IN_PROGRESS:
        return "in_progress"
    if payload_says is not None and payload_says.bad:
        return "failed"
    if tally.bad:
        return "partial" if tally.good else "failed"
    is_own_word = row.word is not None and row.word.field == "Status"
    if type(state) is str and state not in KNOWN and not is_own_word:
        return "unknown"  # it ended, perhaps, and nobody knows how
    return "succeeded" if tally.good or payload_says is not None else "unknown"


def _vote(owner: Any, word: Word | None, own: OwnCode) -> _Vote | None:  # noqa: ANN401 - a struct or a dict
    code, ext, status, message = map(owner.get, _CODES) if type(owner) is dict else _codes_in_struct(owner)
    ended_otherwise = type(status) is str and status in ENDED_OTHERWISE
    if word is None and own is NO_CODE and not ended_otherwise and ext in _GOOD_EXTS:
        if type(code) is int and code == 0:
            return _GOOD  # as nearly all are
        if code is None and ext is None:
            return _GOOD if status == "SUCCESS" else None
    if word and word.field == "Status":
        ended_otherwise = False
    said = _said(owner, word) if word else None
    bad_code, bad_ext = not _is_good(code), ext is not None and not _is_good(ext)
    bad_own = own is not NO_CODE and not _is_good(own.code)
    bad_word = word is not None and said is not None and said not in word.good
    if bad_code or bad_ext or bad_own or bad_word or ended_otherwise:
        told: Any = code if bad_code else own.code if bad_own else said if bad_word else UNSET
        if told is UNSET and ended_otherwise:
            told = status
        message = message or own.message
        return _Vote(
            bad=True,
            code=told if type(told) in (int, str) else UNSET,
            code_ext=_ext(ext) if bad_ext else UNSET,
            message=message if type(message) is str and message else UNSET,
        )
    informed = code is not None or ext is not None or own.code is not None or said is not None
    return _GOOD if informed or status == "SUCCESS" else None


def _said(owner: Any, word: Word) -> int | str | None:  # noqa: ANN401 - a struct or a dict
    """Take the type's own word, None where it says nothing."""
    said = pick(owner, word.field)
    if type(said) not in (int, str) or said == "" or said in word.open:
        return None
    return said  # type: ignore[no-any-return]  # narrowed by the line above


def _is_good(code: Any) -> bool:  # noqa: ANN401 - any JSON value
    if type(code) is str:
        return code in _GOOD_CODES
    return code is None or (type(code) in (int, float) and code == 0)


def _ext(ext: Any) -> str | UnsetType:  # noqa: ANN401 - any JSON value
    return ext if type(ext) is str else str(ext) if type(ext) is int else UNSET


# What nearly everybody says, judged as anything else is.
_VOTES = {
    said: _vote(dict(zip(_CODES, said, strict=False)), None, NO_CODE)
    for said in product((None, 0), _GOOD_EXTS, (None, "SUCCESS"))
}
_PLAINLY_GOOD = frozenset(said for said, vote in _VOTES.items() if vote is _GOOD)
_SILENT = frozenset(said for said, vote in _VOTES.items() if vote is None)
