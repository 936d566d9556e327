"""The file that ``vod-bridge schemas --register URL --ids FILE`` writes, for the setting schemas.ids_file."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bridge.cli.support.exit import fail
from bridge.core.catalogue import BY_NAME
from bridge.core.plural import counted
from bridge.core.schema_ids import SchemaIdsError, parse_schema_ids


def write_schema_ids(path: Path, found: Sequence[tuple[str, int | str | None]]) -> str:
    """Write the id or GUID of each schema of events, and return what was done; where that fails, exit.

    Where a schema has several subjects, the first one's counts: each names the same text.
    """
    ids: dict[str, int | str] = {}
    for schema, given in found:
        if given is not None and (schema in BY_NAME or schema == "event"):
            ids.setdefault(schema, given)
    text = msgspec.json.format(msgspec.json.encode(ids), indent=2) + b"\n"
    try:
        parse_schema_ids(text)
        _replace(path, text)
    except SchemaIdsError as error:
        fail(f"--ids {path}: not written, the registry's ids do not fit the header: {error}")
    except OSError as error:
        fail(f"--ids {path}: cannot be written: {error.strerror or error}")
    return f"{counted(len(ids), 'id')} in {path}"


def _replace(path: Path, text: bytes) -> None:
    """Write the file whole or not at all: a bridge may be reading it."""
    written = path.with_name(f"{path.name}.new")
    try:
        written.write_bytes(text)
        written.replace(path)
    except OSError:
        written.unlink(missing_ok=True)
        raise
