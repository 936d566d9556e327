"""Fixtures: notifications in files that people can read, change and commit.

A file holds the notification as ``body`` where that is JSON, else as ``text``, or as ``base64``. White space
of a JSON body is not kept, and neither are signatures.
"""

import re
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import UNSET, Raw, Struct, UnsetType

from bridge.cli.support.exit import EXIT_USAGE, fail

DEFAULT_DIR = Path(".vod-bridge/fixtures")

_SUFFIX = ".json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NOT_KEPT = frozenset({"Sign", "T", "EventHandle"})
_DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

Directory = Annotated[Path, typer.Option("--dir", metavar="DIR", help="The folder of the fixtures.")]


class Source(Struct, omit_defaults=True, kw_only=True):
    """The record that a fixture comes from; ``reason`` is a dead letter's."""

    application: str
    type: str = ""
    outcome: str = ""
    reason: str = ""
    id: str = ""
    topic: str
    partition: int
    offset: int


class _File(Struct, omit_defaults=True, kw_only=True):
    recorded: str = ""
    source: Source | None = None
    body: Raw | UnsetType = UNSET
    text: str | UnsetType = UNSET
    base64: str | UnsetType = UNSET


def fixture_names(folder: Path = DEFAULT_DIR) -> list[str]:
    """Return the names of the fixtures in a folder, in order; none where there is no folder."""
    return sorted(file.name.removesuffix(_SUFFIX) for file in folder.glob(f"*{_SUFFIX}"))


def fixture_path(folder: Path, name: str) -> Path:
    """Return the path of a fixture; a name that is no plain file name ends the command."""
    if not _NAME.fullmatch(name):
        fail(
            f"NAME {name}: must be letters, digits, '-', '_' and '.', and begin with a letter or a digit",
            EXIT_USAGE,
        )
    return folder / f"{name}{_SUFFIX}"


def save_fixture(
    path: Path, body: bytes, recorded: str, source: Source, *, replace_existing: bool = False
) -> None:
    """Write a fixture. Raises OSError: FileExistsError where there is one that is not to be replaced."""
    content = _File(recorded=recorded, source=source)
    if (json := _without_signature(body)) is not None:
        content.body = Raw(json)
    else:
        try:
            content.text = body.decode()
        except UnicodeDecodeError:
            content.base64 = b64encode(body).decode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb" if replace_existing else "xb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


def read_fixture(path: Path) -> bytes:
    """Return the notification of a fixture; a file that cannot be used ends the command."""
    try:
        return _notification(msgspec.json.decode(path.read_bytes(), type=_File))
    except OSError as error:
        fail(f"{path}: cannot be read: {error.strerror}", EXIT_USAGE)
    except (*_DECODE_ERRORS, ValueError) as error:
        fail(f"{path}: is no fixture: {error}", EXIT_USAGE)


def _notification(content: _File) -> bytes:
    if content.body is not UNSET:
        return msgspec.json.format(bytes(content.body), indent=-1)
    if content.text is not UNSET:
        return content.text.encode()
    if content.base64 is not UNSET:
        return b64decode(content.base64, validate=True)
    raise ValueError("it has neither body nor text nor base64")


def _without_signature(body: bytes) -> bytes | None:
    """Return a body that is a JSON object without signature and handle; None where it is none."""
    try:
        body.decode()
        members = msgspec.json.decode(body, type=dict[str, Raw])
    except _DECODE_ERRORS:
        return None
    if not _NOT_KEPT & members.keys():
        return body
    return msgspec.json.encode({name: raw for name, raw in members.items() if name not in _NOT_KEPT})
