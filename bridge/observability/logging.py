"""Configures logging: one format and one stream for our lines and those of libraries.

`telemetry` logs deliveries.
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

MaskValue = Callable[[Any], Any]  # returns the value with every text in it masked
_EventDict = structlog.typing.EventDict
# Values from closed lists, which cannot hold a secret.
_UNMASKED_FIELDS = frozenset({"level", "timestamp", "logger", "app", "mode", "outcome"})


def configure_logging(
    level: str = "info",
    log_format: LogFormat = "auto",
    stream: TextIO | None = None,
    mask: MaskValue | None = None,
    *,
    worker: int = 0,
) -> None:
    """Send structlog's lines and the libraries' warnings to ``stream`` (standard output), in one format.

    ``auto`` is the console format on a terminal and JSON elsewhere. ``mask`` removes configured secrets from
    every value of a line; every line has the number of the ``worker``, where it is one of several. Call it
    once, at the start of the program.
    """
    target = stream or sys.stdout
    console = log_format == "console" or (log_format == "auto" and target.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Tracebacks as text: structlog's dictionaries of them hold local variables, bodies and keys included.
        structlog.processors.format_exc_info,
        _mask_processor(mask),
    ]
    if worker:
        shared.append(_worker_processor(worker))
    if console:
        shared.append(_printable_processor)
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=target.isatty())
        if console
        else structlog.processors.JSONRenderer(serializer=_to_json)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    _route_libraries(target, shared, renderer)


def _route_libraries(
    target: TextIO, shared: list[structlog.typing.Processor], renderer: structlog.typing.Processor
) -> None:
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # It warns 20 times a second while Kafka is unavailable; the publisher logs once at each change.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    logging.captureWarnings(capture=True)


def _mask_processor(mask: MaskValue | None) -> structlog.typing.Processor:
    def masked(_logger: object, _method: str, event_dict: _EventDict) -> _EventDict:
        return (
            {key: value if key in _UNMASKED_FIELDS else mask(value) for key, value in event_dict.items()}
            if mask
            else event_dict
        )

    return masked


def _worker_processor(worker: int) -> structlog.typing.Processor:
    def numbered(_logger: object, _method: str, event_dict: _EventDict) -> _EventDict:
        event_dict["worker"] = worker
        return event_dict

    return numbered


def _printable_processor(_logger: object, _method: str, event_dict: _EventDict) -> _EventDict:
    """Make values safe for a terminal: text from outside must not control it. Tracebacks keep their lines."""
    for key, value in event_dict.items():
        if isinstance(value, str):
            event_dict[key] = printable(value, multiline=key == "exception")
        elif isinstance(value, list | dict | bytes | BaseException):
            event_dict[key] = printable(repr(value))
    return event_dict


def _to_json(event_dict: Any, **_: Any) -> str:  # noqa: ANN401 - structlog's signature
    try:
        return json_escaped(json.encode(event_dict, enc_hook=repr).decode())
    except UnicodeEncodeError:  # a lone surrogate from outside: written as its escape
        return dumps(event_dict, default=repr)
