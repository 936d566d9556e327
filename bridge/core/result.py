"""Succeeded, failed, partial: what the codes of a payload say, by the table of where they stand (§3.2).

One vote per owner of result keys: the payload itself, each element of its result sets, each object inside
such an element. What the vendor's codes mean is nowhere else.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, get_args

from msgspec import UNSET, Struct, UnsetType, structs

from bridge.core.catalogue import OTHER, Row, Word
from bridge.core.content import pick
from bridge.core.event import Failure, Verdict

FAILURES_MAX = 100

_UNDER_WAY = ("WAITING", "PROCESSING")
_GOOD_CODES = ("0", "", "SUCCESS")
_CODES = ("ErrCode", "ErrCodeExt", "Status", "Message")
_codes_in_struct = attrgetter(*_CODES)
_said_in_struct = attrgetter("ErrCode", "ErrCodeExt", "Status")
# Whoever has none of them says nothing.
_VOTING = frozenset({"ErrCode", "ErrCodeExt", "Status"})
_SEVERAL = 2
_GOOD_EXTS = (None, "", "SUCCESS")
_SILENT = (None, None, None)
_NOTHING: frozenset[Any] = frozenset()
_PLAINLY_GOOD = frozenset((0, ext, status) for ext in _GOOD_EXTS for status in (None, "SUCCESS"))
_PLAIN = frozenset({int, float, str, bool, type(None), list})


class Judgement(Struct, frozen=True):
    """What became of the event's task; the first hundred failures, and how many more."""

    verdict: Verdict
    failures: tuple[Failure, ...] = ()
    failures_more: int = 0


class OwnCode(Struct, frozen=True):
    """A top-level code of a legacy delivery that has no place in the 3.0 shape."""

    code: int | str | None = None
    message: str = ""


NO_CODE = OwnCode()


def judge(value: Any, row: Row, own: OwnCode = NO_CODE) -> Judgement:  # noqa: ANN401 - a struct or a dict
    """Let the payload's results vote."""
    if row.fact:
        return _SUCCEEDED
    payload_says = _vote(value, row.word, own)
    if type(value) is not dict and (payload_says is None or payload_says is _GOOD):
        said = _said_below(value, row.results) if row.results else _NOTHING
        if said <= _PLAINLY_GOOD:  # the common case: nobody to be counted or quoted
            if value.Status in _UNDER_WAY:
                return _IN_PROGRESS
            return _SUCCEEDED if payload_says or said else _UNKNOWN
    return _counted(value, row, payload_says)


def _counted(value: Any, row: Row, payload_says: "_Vote | None") -> Judgement:  # noqa: ANN401 - a struct or a dict
    """Count what each says, and note who says what."""
    tally = _Tally()
    if payload_says is not None:
        tally.note("", payload_says)
    own_bad = payload_says is not None and payload_says.bad
    if type(value) is not dict:
        for name in row.results:
            _let_structs_vote(tally, name, getattr(value, name, None))
    else:
        for path, owner in _owners(value, row):
            if (says := _vote(owner, None, NO_CODE)) is not None:
                tally.note(path, says)
    verdict = _verdict(tally, own_bad=own_bad, own_good=payload_says is not None and not own_bad)
    if pick(value, "Status") in _UNDER_WAY:
        verdict = "in_progress"
    return Judgement(verdict, tuple(tally.failures), tally.failures_more)


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
    """Which objects of a strict struct may vote: itself, and those at ``names``, got by ``children``."""

    itself: bool
    names: tuple[str, ...] = ()
    children: Callable[[Any], Any] | None = None


@cache
def _reach_of(kind: Any) -> _Reach:  # noqa: ANN401 - a class, which the cache asks to be hashable
    """Decide once for a struct: nearly all of its fields hold what can never vote."""
    fields = {field.name: field.type for field in structs.fields(kind)}
    found = []
    for name, hint in fields.items():
        classes = [one for one in get_args(hint) if isinstance(one, type) and issubclass(one, Struct)]
        if any(not _VOTING.isdisjoint(one.__struct_fields__) for one in classes):
            found.append(name)
    return _Reach(not _VOTING.isdisjoint(fields), tuple(found), _all_of(tuple(found)) if found else None)


@cache
def _all_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Make what takes all these members of a struct at once."""
    if len(names) < _SEVERAL:
        return lambda owner: (getattr(owner, names[0]),)
    return attrgetter(*names)


def _said_below(value: Any, results: tuple[str, ...]) -> set[tuple[Any, ...]]:  # noqa: ANN401 - a strict struct
    """Gather what the result sets say, equal words once: a few calls, however many elements there are."""
    said: set[tuple[Any, ...]] = set()
    for found in _all_of(results)(value):
        if not found:
            continue
        elements = found if type(found) is list else [found]
        reach = _reach_of(elements[0].__class__)
        if reach.itself:
            said.update(map(_said_in_struct, elements))
        if reach.children is not None:
            children = chain.from_iterable(map(reach.children, elements))
            said.update(map(_said_in_struct, filter(None, children)))
    said.discard(_SILENT)
    return said


def _let_structs_vote(tally: _Tally, name: str, found: Any) -> None:  # noqa: ANN401 - what a strict struct holds
    """Let a result set of a strict struct vote: its elements, and the objects in them."""
    if found is None:
        return
    is_set = type(found) is list
    for index, element in enumerate(found if is_set else (found,)):
        reach = _reach_of(element.__class__)
        if reach.itself and (says := _vote(element, None, NO_CODE)) is not None:
            tally.note(f"{name}[{index}]" if is_set else name, says)
        if reach.children is None:
            continue
        for child_name, child in zip(reach.names, reach.children(element), strict=True):
            if child is not None and (says := _vote(child, None, NO_CODE)) is not None:
                tally.note(f"{name}[{index}].{child_name}" if is_set else f"{name}.{child_name}", says)


def _verdict(tally: _Tally, *, own_bad: bool, own_good: bool) -> Verdict:
    if own_bad:
        return "failed"
    if tally.bad:
        return "partial" if tally.good else "failed"
    return "succeeded" if tally.good or own_good else "unknown"


def _vote(owner: Any, word: Word | None, own: OwnCode) -> _Vote | None:  # noqa: ANN401 - a struct or a dict
    code, ext, status, message = map(owner.get, _CODES) if type(owner) is dict else _codes_in_struct(owner)
    if word is None and own is NO_CODE and status != "FAIL":  # as nearly all are
        if type(code) is int and code == 0 and ext in _GOOD_EXTS:
            return _GOOD
        if code is None and ext is None:
            return _GOOD if status == "SUCCESS" else None
    if word and word.field == "Status":
        status = None
    said = _said(owner, word) if word else None
    bad_code, bad_ext = not _is_good(code), ext is not None and not _is_good(ext)
    bad_own = own is not NO_CODE and not _is_good(own.code)
    bad_word = word is not None and said is not None and said not in word.good
    if bad_code or bad_ext or bad_own or bad_word or status == "FAIL":
        told: Any = code if bad_code else own.code if bad_own else said if bad_word else UNSET
        if told is UNSET and status == "FAIL":
            told = "FAIL"
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


def _owners(value: dict[str, Any], row: Row) -> Iterator[tuple[str, Any]]:
    """Give every element of the result sets and every object in it, with its path."""
    for name in row.results:
        yield from _elements(name, value.get(name))
    # Sets that the catalogue does not know vote as well.
    for name in sorted(key for key, member in value.items() if type(member) is list):
        if row is OTHER or not row.has(name):
            yield from _elements(name, value[name])


def _elements(name: str, found: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    if type(found) is not list:
        yield from _with_children(name, found)
        return
    if all(map(_PLAIN.__contains__, map(type, found))):
        return  # however many numbers and texts there are, they own no result
    for index, element in enumerate(found):
        if element:  # not a word wasted on {}
            yield from _with_children(f"{name}[{index}]", element)


def _with_children(path: str, element: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    if type(element) is not dict:
        return
    yield path, element
    for name in sorted(element):
        child = element[name]
        if type(child) is dict:
            yield f"{path}.{name}", child
