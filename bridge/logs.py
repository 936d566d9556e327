"""How a log line looks and where it goes: ours and the libraries', in one shape.

What is logged of a delivery is told in `telemetry`.
"""

import logging
import sys
from collections.abc import Callable
from json import dumps
from typing import Any, Literal, TextIO

import structlog
from msgspec import json

from bridge.core.printable import json_escaped, printable

LogFormat = Literal["json", "console", "auto"]

Mask = Callable[[Any], Any]  # gives a value with every text in it masked
_Line = structlog.typing.EventDict
_OURS = frozenset({"level", "timestamp", "logger", "app", "mode", "outcome"})  # and chosen from closed lists


def set_up_logging(
    level: str = "info",
    shape: LogFormat = "auto",
    stream: TextIO | None = None,
    mask: Mask | None = None,
) -> None:
    """Send structlog's lines and the libraries' warnings to ``stream`` (standard output), in one shape.

    ``auto`` is the console's shape on a terminal and JSON elsewhere. ``mask`` takes configured secrets out of
    all that is in a line. Called once, by the program.
    """
    target = stream or sys.stdout
    console = shape == "console" or (shape == "auto" and target.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Tracebacks as text: structlog's dictionaries of them hold local variables, bodies and keys included.
        structlog.processors.format_exc_info,
        _masking(mask),
    ]
    if console:
        shared.append(_harmless)
    last: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=target.isatty())
        if console
        else structlog.processors.JSONRenderer(serializer=_to_json)
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    _route_libraries(target, shared, last)


def _route_libraries(
    target: TextIO, shared: list[structlog.typing.Processor], last: structlog.typing.Processor
) -> None:
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # While Kafka is away it warns twenty times a second; the publisher says once when it goes and comes back.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    logging.captureWarnings(capture=True)


def _masking(mask: Mask | None) -> structlog.typing.Processor:
    def masked(_logger: object, _method: str, line: _Line) -> _Line:
        return {key: value if key in _OURS else mask(value) for key, value in line.items()} if mask else line

    return masked


def _harmless(_logger: object, _method: str, line: _Line) -> _Line:
    """For a terminal: what came from outside must not steer it. Tracebacks keep their lines."""
    for key, value in line.items():
        if isinstance(value, str):
            line[key] = printable(value, lines=key == "exception")
        elif isinstance(value, list | dict | bytes | BaseException):
            line[key] = printable(repr(value))
    return line


def _to_json(line: Any, **_: Any) -> str:  # noqa: ANN401 - structlog's signature
    try:
        return json_escaped(json.encode(line, enc_hook=repr).decode())
    except UnicodeEncodeError:  # a lone surrogate that came from outside: written as its escape
        return dumps(line, default=repr)
