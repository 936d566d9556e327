"""Other ids in a notification, so that it is a new occurrence: all its other bytes stay as they are."""

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.outcome import RejectedError

_ID_KEY = re.compile(r"(file|task|cast)ids?(set)?$", re.IGNORECASE)
# The last run of letters and digits: the vendor puts the account's number and the kind of task before it.
_LAST_PART = re.compile(r"[0-9A-Za-z]+$")
_NO_ID = frozenset({"", "0"})


class NoIdError(Exception):
    """The notification has no such id; the text is for the user."""


class NewIds:
    """Gives each id a new one of the same form, and the same one each time that the id occurs."""

    def __init__(self) -> None:
        self._new_ids: dict[str, str] = {}

    def apply(self, body: bytes) -> bytes:
        """Return the body with new file, task and cast ids; unchanged where it is no JSON or has none."""
        try:
            found = dict.fromkeys(_ids(json.loads(body)))
        except (ValueError, RecursionError):
            return body
        for one in found:
            self._new_ids.setdefault(one, _similar(one))
        return _replace(body, {one: self._new_ids[one] for one in found})


def set_ids(body: bytes, wanted: Mapping[str, str]) -> bytes:
    """Return the body with these values of ``file_id`` and ``task_id``. Raises `NoIdError`."""
    if not wanted:
        return body
    try:
        event = read_event(open_envelope(body))
    except RejectedError as error:
        raise NoIdError(f"no event can be read from it: {error.reason}") from None
    old_ids = {"file_id": event.file_id, "task_id": event.task_id}
    for name in wanted:
        if name not in old_ids:
            raise NoIdError(f"{name} is none of {', '.join(old_ids)}")
        if not old_ids[name]:
            raise NoIdError(f"a {event.type} like this has no {name}")
    return _replace(body, {old_ids[name]: value for name, value in wanted.items()})


def _ids(value: Any, *, is_id: bool = False) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Yield the values of all keys that name an id."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _ids(inner, is_id=bool(_ID_KEY.search(name)))
    elif isinstance(value, list):
        for inner in value:
            yield from _ids(inner, is_id=is_id)
    elif is_id and isinstance(value, str | int) and not isinstance(value, bool) and str(value) not in _NO_ID:
        yield str(value)


def _similar(old: str) -> str:
    """Return an id with other digits in its last part: decimal where that is decimal, else hexadecimal."""
    last = _LAST_PART.search(old)
    if last is None:
        return f"{old}-{secrets.token_hex(8)}"
    kept, part = old[: last.start()], last[0]
    if part.isdecimal():
        return kept + str(1 + secrets.randbelow(9)) + "".join(str(secrets.randbelow(10)) for _ in part[1:])
    return kept + secrets.token_hex(len(part) // 2 + 1)[: max(len(part), 8)]


def _replace(body: bytes, new_ids: Mapping[str, str]) -> bytes:
    """Replace ids where they stand as a JSON string or number."""
    spelled = {json.dumps(old).encode(): json.dumps(new).encode() for old, new in new_ids.items()}
    spelled |= {old.encode(): new.encode() for old, new in new_ids.items() if old.isdecimal()}
    if not spelled:
        return body
    strings = b"|".join(re.escape(old) for old in spelled if old.startswith(b'"'))
    numbers = b"|".join(re.escape(old) for old in spelled if not old.startswith(b'"'))
    pattern = strings + (rb"|(?<=[:,\[\s])(?:" + numbers + rb")(?=[\s,\]}])" if numbers else b"")
    return re.sub(pattern, lambda found: spelled[found[0]], body)
