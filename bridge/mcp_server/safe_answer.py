"""Answers as clients get them: bounded, without secrets, and without characters that hide or move text."""

from typing import Any

import msgspec

from bridge.console.masked_json import masked_json
from bridge.core.printable import printable
from bridge.mcp_server.errors import ToolError
from bridge.observability.masking import Mask

ANSWER_MAX_BYTES = 262_144
ERROR_MAX_CHARS = 2000
_VALUE_MAX_BYTES = 131_072


def safe_answer(answer: object, mask: Mask) -> dict[str, Any]:
    """Return an answer's members as JSON values. Raises `ToolError` where it is too large.

    Control characters, and those that reorder or hide text, become U+FFFD in every text and name.
    """
    encoded = masked_json(answer, mask)
    if len(encoded) > ANSWER_MAX_BYTES:
        raise ToolError(
            f"the answer has {len(encoded)} bytes, more than {ANSWER_MAX_BYTES}: ask for less, by a lower"
            " limit or a narrower filter"
        )
    members: dict[str, Any] = _printable(msgspec.json.decode(encoded))
    return members


def fits(value: object) -> bool:
    """Whether a value may stand in an answer beside what explains it."""
    return len(msgspec.json.encode(value)) <= _VALUE_MAX_BYTES


def _printable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return printable(value, multiline=True)
    if isinstance(value, dict):
        return {printable(name): _printable(inner) for name, inner in value.items()}
    return [_printable(one) for one in value] if isinstance(value, list) else value
