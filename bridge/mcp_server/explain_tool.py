"""The tool ``explain``: what the bridge makes of a notification, and why."""

import os
import stat
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, Raw
from msgspec.structs import replace

from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.explanation import Explanation, explain
from bridge.mcp_server.answers import ExplainAnswer
from bridge.mcp_server.arguments import BODY_MAX_BYTES, ExplainArguments
from bridge.mcp_server.context import ToolContext
from bridge.mcp_server.errors import ToolError
from bridge.mcp_server.safe_answer import fits
from bridge.operations.found_record import masked_value

_NO_FOLDER = (
    "path: this server reads no files. Give the notification as body or body_base64, or start it with"
    " `vod-bridge mcp --files FOLDER`"
)


async def explain_body(context: ToolContext, arguments: ExplainArguments) -> ExplainAnswer:
    """Explain a notification. Nothing is sent, nothing is asked."""
    body = _body_of(arguments, context.options.folders)
    name = arguments.application
    application = context.settings.applications().get(name, Application(name=name))
    explained = explain(
        Notification(application=application, body=body, received_ms=context.now_ms()),
        context.settings.routing(),
    )
    return shown_explanation(explained, shown=context.options.show_payloads)


def shown_explanation(explained: Explanation, *, shown: bool) -> ExplainAnswer:
    """Return an explanation; unless ``shown``, without the vendor's messages, and the event masked."""
    event: Any = None
    if isinstance(explained.event, Raw):
        event = msgspec.json.decode(explained.event)
        event = event if shown else masked_value(event)
    errors = explained.errors if shown else [replace(failure, message=UNSET) for failure in explained.errors]
    is_shown = fits(event)
    return ExplainAnswer(
        explanation=replace(explained, event=UNSET, headers={}, errors=errors),
        event=event if is_shown else None,
        is_masked=not shown,
        omitted_bytes=0 if is_shown else len(msgspec.json.encode(explained.event)),
    )


def _body_of(arguments: ExplainArguments, folders: Sequence[Path]) -> bytes:
    given = [arguments.body, arguments.body_base64, arguments.path]
    if sum(one is not None for one in given) != 1:
        raise ToolError("give exactly one of body, body_base64, path")
    if arguments.path is not None:
        return _read_file(arguments.path, folders)
    body = (arguments.body or "").encode("utf-8", "surrogatepass")
    if arguments.body_base64 is not None:
        try:
            body = b64decode(arguments.body_base64, validate=True)
        except ValueError:
            raise ToolError("body_base64: is no base64") from None
    if len(body) > BODY_MAX_BYTES:
        raise ToolError(
            f"the notification has {len(body)} bytes, more than {BODY_MAX_BYTES}: `vod-bridge explain FILE`"
            " takes it"
        )
    return body


def _read_file(path: str, folders: Sequence[Path]) -> bytes:
    """Read a regular file below one of the folders, wherever links lead. Raises `ToolError`.

    Whether a file outside exists is not shown.
    """
    if not folders:
        raise ToolError(_NO_FOLDER)
    try:
        resolved = Path(os.path.realpath(path))
        if not any(resolved.is_relative_to(folder) for folder in folders):
            named = ", ".join(map(str, folders))
            raise ToolError(f"path: only files below {named} are read (--files)")
        # Without following a link that took the file's name since; not waiting for a pipe.
        descriptor = os.open(resolved, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ToolError("path: is no regular file")
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                content = stream.read(BODY_MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no path"
        raise ToolError(f"path: cannot be read: {reason}") from None
    if len(content) > BODY_MAX_BYTES:
        raise ToolError(f"path: has more than {BODY_MAX_BYTES} bytes: `vod-bridge explain FILE` takes it")
    return content
