"""Files of notifications, split into the bodies to post.

A file is one JSON document or one a line. A whole response of PullEvents or of the legacy PullEvent is split
into its notifications; the bytes of each stay as they are, so that nothing is rounded or reordered.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from bridge.cli.support.exit import EXIT_USAGE, fail
from bridge.core.signature import BOM

_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
STDIN = Path("-")


class InputNotification(Struct, frozen=True):
    """One body to post, and its origin."""

    origin: str
    body: bytes


class _EventSet(Struct):
    EventSet: list[Raw] | None = None


class _LegacyElement(Struct):
    eventContent: Raw  # noqa: N815 - the vendor's spelling


class _PullResponse(Struct):
    EventType: Raw | UnsetType = UNSET
    eventType: Raw | UnsetType = UNSET  # noqa: N815 - the vendor's spelling
    Response: _EventSet | UnsetType = UNSET
    EventSet: list[Raw] | UnsetType | None = UNSET
    eventList: list[_LegacyElement] | UnsetType | None = UNSET  # noqa: N815 - the vendor's spelling


def list_files(paths: Sequence[Path]) -> list[Path]:
    """List the files of ``paths``, folders in the order of names."""
    found: list[Path] = []
    for path in paths:
        if path != STDIN and path.is_dir():
            found += sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
        else:
            found.append(path)
    return found


def require_paths(paths: Sequence[Path]) -> None:
    """End the command where a path does not exist."""
    missing = [path for path in paths if path != STDIN and not path.exists()]
    if missing:
        fail(f"{missing[0]}: there is no such file or folder", EXIT_USAGE)


def require_files(paths: Sequence[Path]) -> Sequence[Path]:
    """Return the files of ``paths``; end the command where a path is missing or a folder has none."""
    require_paths(paths)
    files = list_files(paths)
    if not files:
        fail(f"{paths[0]}: no *.json, *.jsonl or *.ndjson file in it", EXIT_USAGE)
    return files


def total_bytes(files: Sequence[Path]) -> int | None:
    """Return the size of all files; None where it is unknown."""
    if any(file == STDIN or not file.is_file() for file in files):
        return None
    return sum(file.stat().st_size for file in files)


def read_notifications(files: Sequence[Path]) -> Iterator[InputNotification]:
    """Read ``files`` one after the other; of a long one at most a line is in memory."""
    for file in files:
        number = 0
        # A file object of its own: it does not hold the interpreter's lock on sys.stdin.
        source: Path | int = sys.stdin.fileno() if file == STDIN else file
        with open(source, "rb", closefd=file != STDIN) as stream:
            for document in split_documents(stream):
                for body in split_pull_response(document):
                    number += 1
                    yield InputNotification(f"{'standard input' if file == STDIN else file}#{number}", body)


def split_documents(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield one document a line where the first line is one, else the whole file."""
    head: list[bytes] = []
    for line in stream:
        head.append(line if head else line.removeprefix(BOM))
        if line.strip():
            break
    if not head or not head[-1].strip():
        return
    if _is_json(head[-1]):
        yield head[-1].strip()
        yield from (line.strip() for line in stream if line.strip())
        return
    rest = stream.read()
    whole = b"".join((*head, rest))
    lines = [line.strip() for line in whole.splitlines() if line.strip()]
    if not _is_json(whole) and len(lines) > 1 and all(_is_json(line) for line in lines[1:]):
        yield from lines  # only the first line is malformed: the bridge rejects it
    else:
        yield whole


def split_pull_response(document: bytes) -> list[bytes]:
    """Split a pull response or an array into its notifications; anything else is one as it is."""
    try:
        if document.lstrip()[:1] == b"[":
            return [bytes(raw) for raw in msgspec.json.decode(document, type=list[Raw])]
        elements = _elements(msgspec.json.decode(document, type=_PullResponse))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        elements = None
    return [document] if elements is None else [bytes(raw) for raw in elements]


def _elements(response: _PullResponse) -> Sequence[Raw] | None:
    """Return the elements of a pull response, or None."""
    if response.EventType is not UNSET or response.eventType is not UNSET:
        return None
    if isinstance(response.Response, _EventSet):
        return response.Response.EventSet or ()
    if response.EventSet is not UNSET:
        return response.EventSet or ()
    if response.eventList is not UNSET:
        return [element.eventContent for element in response.eventList or ()]
    return None


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
