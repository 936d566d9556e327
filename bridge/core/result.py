"""The outcome of an event (succeeded, failed, partial ...) from the codes in its payload (vod-domain §3.2).

Each object with result fields has one vote: the payload itself, each element of its result sets, each object
inside such an element. The meaning of the vendor's codes is defined only here and in `task_status`.
"""

from collections.abc import Iterable, Sequence
from itertools import product
from operator import attrgetter
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from bridge.core.catalogue import EventType, StatusField
from bridge.core.decode.json_values import get_member
from bridge.core.event import EventOutcome, FailedResult
from bridge.core.result_sets import result_fields, result_objects
from bridge.core.task_status import FAILURE_STATUSES, IN_PROGRESS_STATUSES, KNOWN_STATUSES

FAILURES_MAX = 100

_SUCCESS_VALUES = ("0", "", "SUCCESS")
_RESULT_FIELDS = ("ErrCode", "ErrCodeExt", "Status", "Message")
_codes_in_struct = attrgetter(*_RESULT_FIELDS)
_SUCCESS_EXT_CODES = (None, "", "SUCCESS")
# The values of Status that are a result; all others say nothing about it.
_FINAL_STATUSES = frozenset({"SUCCESS", *FAILURE_STATUSES})


class ResultSummary(Struct, frozen=True, gc=False):
    """The outcome of an event's task, the first 100 failures, and the number of further ones."""

    outcome: EventOutcome
    failures: tuple[FailedResult, ...] = ()
    failures_more: int = 0


class TopLevelCode(Struct, frozen=True):
    """The top-level code of a legacy delivery, which has no field in the 3.0 shape."""

    code: int | str | None = None
    message: str = ""


NO_CODE = TopLevelCode()


def evaluate_result(
    value: Any,  # noqa: ANN401 - a struct or a dict
    row: EventType,
    top_level: TopLevelCode = NO_CODE,
    unmapped_results: Sequence[tuple[str, dict[str, Any]]] = (),
) -> ResultSummary:
    """Combine the results in a payload, and those of a legacy body that have no field in it, to one outcome.

    ``unmapped_results`` are (path, codes). Paths in the failures are those of the payload.
    """
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
    counts = _VoteCount()
    payload_vote = _vote(value, row.status_field, top_level)
    if payload_vote is not None:
        counts.add_vote("", payload_vote)
    if is_strict:
        for name in row.result_sets:
            _vote_structs(counts, name, getattr(value, name, None))
    else:
        _vote_dicts(counts, result_objects(value, row))
    _vote_dicts(counts, unmapped_results)
    return ResultSummary(
        _combine(counts, payload_vote, get_member(value, "Status"), row),
        tuple(counts.failures),
        counts.failures_more,
    )


def _fast_path(value: Any, results: tuple[str, ...], top_level: TopLevelCode) -> ResultSummary | None:  # noqa: ANN401 - a strict struct
    """Fast path: every code in the payload is absent or a plain success.

    Returns the result, or None if any other value occurs and the full evaluation is needed.
    """
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
        children = result_fields(elements[0].__class__).children
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
    """The vote of one object. ``code``, ``code_ext`` and ``message`` are set for a failure only."""

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


class _VoteCount:
    """Counts the votes of elements and collects the failures."""

    def __init__(self) -> None:
        self.good = 0
        self.bad = 0
        self.failures: list[FailedResult] = []
        self.failures_more = 0

    def add_vote(self, path: str, vote: _Vote) -> None:
        """Count the vote of an element; collect a failure. The payload's own (empty path) is not counted."""
        if path:
            self.good += not vote.bad
            self.bad += vote.bad
        if not vote.bad:
            return
        if len(self.failures) == FAILURES_MAX:
            self.failures_more += 1
            return
        failure = FailedResult(path=path, code=vote.code, code_ext=vote.code_ext, message=vote.message)
        self.failures.append(failure)


def _vote_structs(counts: _VoteCount, name: str, found: Any) -> None:  # noqa: ANN401 - what a strict struct holds
    """Add the votes of a result set in a strict struct: its elements, all of one class, and their objects."""
    if not found:
        return
    is_set = type(found) is list
    elements = found if is_set else [found]
    fields = result_fields(elements[0].__class__)
    votes: dict[Any, _Vote | None] = {}
    for index, element in enumerate(elements):
        for child, result_object in zip(fields.names, fields.children(element), strict=True):
            if result_object is None:
                continue
            codes = _codes_in_struct(result_object)  # very many objects may have equal codes
            if codes in votes:
                vote = votes[codes]
            else:
                vote = _vote(result_object, None, NO_CODE)
                if len(votes) < _CACHED_VOTES_MAX:
                    votes[codes] = vote
            if vote is None:
                continue
            if vote.bad and len(counts.failures) == FAILURES_MAX:
                counts.bad += 1
                counts.failures_more += 1
                continue
            path = f"{name}[{index}]" if is_set else name
            counts.add_vote(f"{path}.{child}" if child else path, vote)


_CACHED_VOTES_MAX = 100


def is_failure(result: dict[str, Any]) -> bool:
    """Whether the codes or the Status of a result, a dict with 3.0 keys, are a failure."""
    vote = _vote(result, None, NO_CODE)
    return vote is not None and vote.bad


def _vote_dicts(counts: _VoteCount, children: Iterable[tuple[str, dict[str, Any]]]) -> None:
    for path, result_object in children:
        if (vote := _vote(result_object, None, NO_CODE)) is not None:
            counts.add_vote(path, vote)


def _combine(counts: _VoteCount, payload_vote: _Vote | None, state: Any, row: EventType) -> EventOutcome:  # noqa: ANN401 - any JSON value
    if state in IN_PROGRESS_STATUSES:
        return "in_progress"
    if payload_vote is not None and payload_vote.bad:
        return "failed"
    if counts.bad:
        return "partial" if counts.good else "failed"
    is_status_field = row.status_field is not None and row.status_field.field == "Status"
    if type(state) is str and state not in KNOWN_STATUSES and not is_status_field:
        return "unknown"  # an unknown Status: it may have ended, in whatever way
    return "succeeded" if counts.good or payload_vote is not None else "unknown"


def _vote(result_object: Any, status_field: StatusField | None, top_level: TopLevelCode) -> _Vote | None:  # noqa: ANN401 - a struct or a dict
    code, ext, status, message = (
        map(result_object.get, _RESULT_FIELDS)
        if type(result_object) is dict
        else _codes_in_struct(result_object)
    )
    is_failed_status = type(status) is str and status in FAILURE_STATUSES
    if status_field is None and top_level is NO_CODE and not is_failed_status and ext in _SUCCESS_EXT_CODES:
        if type(code) is int and code == 0:
            return _SUCCESS_VOTE  # nearly all are
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
    """Return the value of the type's own result field, None where it says nothing about the result."""
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


# The votes of the most common codes, computed by the full evaluation.
_COMMON_VOTES = {
    codes: _vote(dict(zip(_RESULT_FIELDS, codes, strict=False)), None, NO_CODE)
    for codes in product((None, 0), _SUCCESS_EXT_CODES, (None, "SUCCESS"))
}
_SUCCESS_CODES = frozenset(codes for codes, vote in _COMMON_VOTES.items() if vote is _SUCCESS_VOTE)
_NEUTRAL_CODES = frozenset(codes for codes, vote in _COMMON_VOTES.items() if vote is None)
