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

from bridge.core.catalogue import EventType, StatusField
from bridge.core.decode.json_values import get_member
from bridge.core.event import EventOutcome, Failure
from bridge.core.result_sets import result_objects
from bridge.core.task_status import FAILURE_STATUSES, IN_PROGRESS_STATUSES, KNOWN_STATUSES

FAILURES_MAX = 100

_SUCCESS_VALUES = ("0", "", "SUCCESS")
_RESULT_FIELDS = ("ErrCode", "ErrCodeExt", "Status", "Message")
_codes_in_struct = attrgetter(*_RESULT_FIELDS)
# Whoever has none of them says nothing.
_CODE_FIELDS = frozenset({"ErrCode", "ErrCodeExt", "Status"})
_TUPLE_GETTER_MIN = 2
_SUCCESS_EXT_CODES = (None, "", "SUCCESS")
_FINAL_STATUSES = frozenset(
    {"SUCCESS", *FAILURE_STATUSES}
)  # of a Status; all other words say nothing of a result


class ResultSummary(Struct, frozen=True, gc=False):
    """What became of the event's task; the first hundred failures, and how many more."""

    outcome: EventOutcome
    failures: tuple[Failure, ...] = ()
    failures_more: int = 0


class TopLevelCode(Struct, frozen=True):
    """A top-level code of a legacy delivery that has no place in the 3.0 shape."""

    code: int | str | None = None
    message: str = ""


NO_CODE = TopLevelCode()


def evaluate_result(
    value: Any,  # noqa: ANN401 - a struct or a dict
    row: EventType,
    top_level: TopLevelCode = NO_CODE,
    unmapped_results: Sequence[tuple[str, dict[str, Any]]] = (),
) -> ResultSummary:
    """Let the payload's results vote, and those of a legacy body that it has no place for, by their paths."""
    if row.always_succeeds:
        return _SUCCEEDED
    is_strict = type(value) is not dict
    if (
        is_strict
        and not unmapped_results
        and row.status_field is None
        and (top_level is NO_CODE or _is_success(top_level.code))
    ):
        fast_result = _fast_path(value, row.result_sets, top_level)
        if fast_result is not None:
            return fast_result
    tally = _Tally()
    payload_vote = _vote(value, row.status_field, top_level)
    if payload_vote is not None:
        tally.add_vote("", payload_vote)
    if is_strict:
        for name in row.result_sets:
            _vote_structs(tally, name, getattr(value, name, None))
    else:
        _vote_dicts(tally, result_objects(value, row))
    _vote_dicts(tally, unmapped_results)
    return ResultSummary(
        _combine(tally, payload_vote, get_member(value, "Status"), row),
        tuple(tally.failures),
        tally.failures_more,
    )


def _fast_path(value: Any, results: tuple[str, ...], top_level: TopLevelCode) -> ResultSummary | None:  # noqa: ANN401 - a strict struct
    """Judge where everybody says only what is usual, so that none need be counted or quoted; else None."""
    state = value.Status
    codes = (value.ErrCode, value.ErrCodeExt, state if state in _FINAL_STATUSES else None)
    is_good = codes in _SUCCESS_CODES
    if state not in KNOWN_STATUSES or (not is_good and codes not in _NEUTRAL_CODES):
        return None
    is_good = is_good or top_level.code is not None
    for name in results:
        found = getattr(value, name)
        if not found:
            continue
        elements = found if type(found) is list else [found]
        children = _result_fields(elements[0].__class__).children
        for element in elements:
            for result_object in children(element):
                if result_object is None:
                    continue
                status = result_object.Status
                codes = (
                    result_object.ErrCode,
                    result_object.ErrCodeExt,
                    status if status in _FINAL_STATUSES else None,
                )
                if codes in _SUCCESS_CODES:
                    is_good = True
                elif codes not in _NEUTRAL_CODES:
                    return None
    if state in IN_PROGRESS_STATUSES:
        return _IN_PROGRESS
    return _SUCCEEDED if is_good else _UNKNOWN


class _Vote(Struct, frozen=True):
    """What one owner says. ``code`` to ``message`` are what is told of it where it is bad."""

    bad: bool
    code: int | str | UnsetType = UNSET
    code_ext: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


_SUCCESS_VOTE = _Vote(bad=False)
_SUCCEEDED, _IN_PROGRESS, _UNKNOWN = (
    ResultSummary("succeeded"),
    ResultSummary("in_progress"),
    ResultSummary("unknown"),
)


class _Tally:
    """Votes of elements counted, failures kept."""

    def __init__(self) -> None:
        self.good = 0
        self.bad = 0
        self.failures: list[Failure] = []
        self.failures_more = 0

    def add_vote(self, path: str, vote: _Vote) -> None:
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


class _ResultFields(Struct, frozen=True):
    """Which objects of a strict struct may vote: those at ``names`` (empty for itself), got by ``owners``."""

    names: tuple[str, ...]
    children: Callable[[Any], tuple[Any, ...]]


@cache
def _result_fields(kind: Any) -> _ResultFields:  # noqa: ANN401 - a class, which the cache asks to be hashable
    """Decide once for a struct: nearly all of its fields hold what can never vote."""
    fields = {field.name: field.type for field in structs.fields(kind)}
    found = []
    for name, hint in fields.items():
        classes = [one for one in get_args(hint) if isinstance(one, type) and issubclass(one, Struct)]
        if any(not _CODE_FIELDS.isdisjoint(one.__struct_fields__) for one in classes):
            found.append(name)
    children = _getter(tuple(found))
    if _CODE_FIELDS.isdisjoint(fields):
        return _ResultFields(tuple(found), children)
    return _ResultFields(("", *found), lambda result_object: (result_object, *children(result_object)))


@cache
def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Make what takes all these members of a struct at once."""
    if len(names) < _TUPLE_GETTER_MIN:
        return lambda result_object: tuple([getattr(result_object, name) for name in names])
    return attrgetter(*names)


def _vote_structs(tally: _Tally, name: str, found: Any) -> None:  # noqa: ANN401 - what a strict struct holds
    """Let a result set of a strict struct vote: its elements, all of one class, and the objects in them."""
    if not found:
        return
    is_set = type(found) is list
    elements = found if is_set else [found]
    result_fields = _result_fields(elements[0].__class__)
    votes: dict[Any, _Vote | None] = {}
    for index, element in enumerate(elements):
        for child, result_object in zip(result_fields.names, result_fields.children(element), strict=True):
            if result_object is None:
                continue
            codes = _codes_in_struct(result_object)  # of which very many may say the same
            if codes in votes:
                vote = votes[codes]
            else:
                vote = _vote(result_object, None, NO_CODE)
                if len(votes) < _CACHED_VOTES_MAX:
                    votes[codes] = vote
            if vote is None:
                continue
            if vote.bad and len(tally.failures) == FAILURES_MAX:
                tally.bad += 1
                tally.failures_more += 1
                continue
            path = f"{name}[{index}]" if is_set else name
            tally.add_vote(f"{path}.{child}" if child else path, vote)


_CACHED_VOTES_MAX = 100


def is_failure(result: dict[str, Any]) -> bool:
    """Tell whether the codes or the Status of a result are bad; it is a dict with the names of 3.0."""
    vote = _vote(result, None, NO_CODE)
    return vote is not None and vote.bad


def _vote_dicts(tally: _Tally, children: Iterable[tuple[str, dict[str, Any]]]) -> None:
    for path, result_object in children:
        if (vote := _vote(result_object, None, NO_CODE)) is not None:
            tally.add_vote(path, vote)


def _combine(tally: _Tally, payload_vote: _Vote | None, state: Any, row: EventType) -> EventOutcome:  # noqa: ANN401 - any JSON value
    if state in IN_PROGRESS_STATUSES:
        return "in_progress"
    if payload_vote is not None and payload_vote.bad:
        return "failed"
    if tally.bad:
        return "partial" if tally.good else "failed"
    is_status_field = row.status_field is not None and row.status_field.field == "Status"
    if type(state) is str and state not in KNOWN_STATUSES and not is_status_field:
        return "unknown"  # it ended, perhaps, and nobody knows how
    return "succeeded" if tally.good or payload_vote is not None else "unknown"


def _vote(result_object: Any, status_field: StatusField | None, top_level: TopLevelCode) -> _Vote | None:  # noqa: ANN401 - a struct or a dict
    code, ext, status, message = (
        map(result_object.get, _RESULT_FIELDS)
        if type(result_object) is dict
        else _codes_in_struct(result_object)
    )
    is_failed_status = type(status) is str and status in FAILURE_STATUSES
    if status_field is None and top_level is NO_CODE and not is_failed_status and ext in _SUCCESS_EXT_CODES:
        if type(code) is int and code == 0:
            return _SUCCESS_VOTE  # as nearly all are
        if code is None and ext is None:
            return _SUCCESS_VOTE if status == "SUCCESS" else None
    if status_field and status_field.field == "Status":
        is_failed_status = False
    codes = _status_value(result_object, status_field) if status_field else None
    bad_code, bad_ext = not _is_success(code), ext is not None and not _is_success(ext)
    bad_top_level = top_level is not NO_CODE and not _is_success(top_level.code)
    bad_status = status_field is not None and codes is not None and codes not in status_field.success
    if bad_code or bad_ext or bad_top_level or bad_status or is_failed_status:
        reported_code: Any = (
            code if bad_code else top_level.code if bad_top_level else codes if bad_status else UNSET
        )
        if reported_code is UNSET and is_failed_status:
            reported_code = status
        message = message or top_level.message
        return _Vote(
            bad=True,
            code=reported_code if type(reported_code) in (int, str) else UNSET,
            code_ext=_ext_code(ext) if bad_ext else UNSET,
            message=message if type(message) is str and message else UNSET,
        )
    has_result = code is not None or ext is not None or top_level.code is not None or codes is not None
    return _SUCCESS_VOTE if has_result or status == "SUCCESS" else None


def _status_value(result_object: Any, status_field: StatusField) -> int | str | None:  # noqa: ANN401 - a struct or a dict
    """Take the type's own word, None where it says nothing."""
    codes = get_member(result_object, status_field.field)
    if type(codes) not in (int, str) or codes == "" or codes in status_field.neutral:
        return None
    return codes  # type: ignore[no-any-return]  # narrowed by the line above


def _is_success(code: Any) -> bool:  # noqa: ANN401 - any JSON value
    if type(code) is str:
        return code in _SUCCESS_VALUES
    return code is None or (type(code) in (int, float) and code == 0)


def _ext_code(ext: Any) -> str | UnsetType:  # noqa: ANN401 - any JSON value
    return ext if type(ext) is str else str(ext) if type(ext) is int else UNSET


# What nearly everybody says, judged as anything else is.
_COMMON_VOTES = {
    said: _vote(dict(zip(_RESULT_FIELDS, said, strict=False)), None, NO_CODE)
    for said in product((None, 0), _SUCCESS_EXT_CODES, (None, "SUCCESS"))
}
_SUCCESS_CODES = frozenset(said for said, vote in _COMMON_VOTES.items() if vote is _SUCCESS_VOTE)
_NEUTRAL_CODES = frozenset(said for said, vote in _COMMON_VOTES.items() if vote is None)
