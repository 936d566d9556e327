"""The entry point: translates a legacy type and its ``data`` to a type and a payload of format 3.0."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from bridge.core.decode.json_values import CONTAINER_TYPES
from bridge.core.decode.legacy.apply import MappingReport, apply, deep_merge, format_path
from bridge.core.decode.legacy.event_types import LEGACY_TYPES
from bridge.core.decode.legacy.rules import LegacyType, MapObjects, Rule
from bridge.core.decode.legacy.unmapped import SubtaskResult, UnmappedPart, find_results

_NUMBER = re.compile("-?[0-9]+")
_DATA = "data"


class Translation(Struct, frozen=True, kw_only=True):
    """A legacy notification in the shape of format 3.0.

    ``known`` is False for types without a successor: their ``payload`` is ``data`` itself, and only they have
    ``task_id`` and ``file_id``. ``unknown_paths``: keys without a row. ``nonconforming``: a value could not
    be mapped. ``top_level_code`` and ``top_level_message``: the notification's own result, and ``results``:
    those of its subtasks, where format 3.0 has no field for them.
    """

    type: str
    known: bool
    payload: dict[str, Any]
    task_id: str = ""
    file_id: str = ""
    unknown_paths: tuple[str, ...] = ()
    nonconforming: bool = False
    top_level_code: int | str | None = None
    top_level_message: str = ""
    results: tuple[SubtaskResult, ...] = ()


def translate(event_type: str, data: dict[str, Any]) -> Translation:
    """Translate one notification. ``data`` is not changed; any JSON object gives a translation."""
    legacy_type = LEGACY_TYPES.get(event_type)
    if legacy_type is not None:
        return _translate_known(legacy_type, data)
    code = _code(data, "status", "errCode")
    return Translation(
        type=event_type,
        known=False,
        payload=data,
        task_id=_id_text(data, "vodTaskId", "TaskId"),
        file_id=_id_text(data, "fileId", "FileId"),
        top_level_code=code,
        top_level_message=_message(data, code),
        results=tuple(nested_results(data)),
    )


def _translate_known(legacy_type: LegacyType, data: Mapping[str, Any]) -> Translation:
    report = MappingReport()
    payload = apply(legacy_type.table, data, _DATA, report)
    if legacy_type.constants:
        payload = deep_merge(payload, legacy_type.constants)
    has_status_field = legacy_type.table.rows.get("status") is not None
    code = None if has_status_field else _code(data, "status")
    if legacy_type.fold_status_into:
        report.nonconforming |= code is None and data.get("status") is not None
        _fold_status(payload, legacy_type.fold_status_into, code)
    results: tuple[SubtaskResult, ...] = ()
    if report.unmapped_members or report.unmapped_values:
        results = tuple(_unmapped_results(legacy_type, data, report))
    return Translation(
        type=legacy_type.type,
        known=True,
        payload=payload,
        unknown_paths=tuple(report.unknown_paths),
        results=results,
        nonconforming=report.nonconforming,
        top_level_code=code,
        top_level_message=_message(data, code),
    )


def _unmapped_results(
    legacy_type: LegacyType, data: Mapping[str, Any], report: MappingReport
) -> Iterator[SubtaskResult]:
    """Yield the results of subtasks that have no field in the payload."""
    for path, members in report.unmapped_members:
        if path == _DATA:  # its own result is `top_level_code`
            yield from nested_results(members)
        else:
            is_element = type(path) is tuple and type(path[1]) is int
            position = _position(legacy_type.table.rows, data, path) if is_element else ""
            yield from find_results(
                UnmappedPart(position or format_path(path), format_path(path), members, is_element)
            )
    for value_path, value in report.unmapped_values:
        where = format_path(value_path)
        yield from find_results(UnmappedPart(where, where, value, is_element=True))


def nested_results(members: Mapping[str, Any]) -> Iterator[SubtaskResult]:
    """Yield the results in the objects and arrays among ``members`` of ``data``."""
    for key, value in members.items():
        if type(value) in CONTAINER_TYPES:
            path = f"{_DATA}.{key}"
            yield from find_results(UnmappedPart(path, path, value))


def _position(rows: Mapping[str, Rule], data: Mapping[str, Any], path: Any) -> str:  # noqa: ANN401 - a path
    """Return the 3.0 path of the result of a list element in ``data``; empty for any other path.

    The path ends at the element, or at its task where 3.0 has a field for the kind.
    """
    (holder, key), index = path
    rule = rows.get(key) if holder == _DATA else None
    if not isinstance(rule, MapObjects):
        return ""
    element = data[key][index]
    kind = element.get("Type") or element.get("taskType")
    task = f"{kind}Task".replace(".", "")
    position = f"{rule.to}[{index}]"
    return f"{position}.{task}" if task in rule.table.struct.__struct_fields__ else position


def _fold_status(payload: dict[str, Any], name: str, code: int | str | None) -> None:
    """Set ``code`` in each element of the array ``name`` that has no code."""
    elements = payload.get(name)
    if code is not None and isinstance(elements, list):
        code_only = {"ErrCode": code}  # shared by all empty elements: there may be a million
        payload[name] = [
            (element | code_only if element else code_only)
            if isinstance(element, dict) and element.get("ErrCode") is None
            else element
            for element in elements
        ]


def _code(data: Mapping[str, object], *keys: str) -> int | str | None:
    """Return the notification's own code, a number or its text. Words like PROCESSING are no result: None."""
    for key in keys:
        value = data.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            return value
    return None


def _message(data: Mapping[str, object], code: int | str | None) -> str:
    message = data.get("message")
    return message if code is not None and isinstance(message, str) else ""


def _id_text(data: Mapping[str, object], *keys: str) -> str:
    """Return the first value at ``keys`` that is a non-empty text or an integer, as text; else empty."""
    for key in keys:
        value = data.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""
