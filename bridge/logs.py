"""How a log line looks and where it goes: ours and the libraries', in one shape.

What is logged of a delivery is told in `telemetry`.
"""

import logging
import sys
from json import dumps
from typing import Any, Literal, TextIO

import structlog
from msgspec import json

LogFormat = Literal["json", "console", "auto"]


def set_up_logging(
    level: str = "info",
    shape: LogFormat = "auto",
    stream: TextIO | None = None,
) -> None:
    """Send structlog's lines and the libraries' warnings to ``stream`` (standard output), in one shape.

    ``auto`` is the console's shape on a terminal and JSON elsewhere. Called once, by the program.
    """
    target = stream or sys.stdout
    console = shape == "console" or (shape == "auto" and target.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Tracebacks as text: structlog's dictionaries of them hold local variables, bodies and keys included.
        structlog.processors.format_exc_info,
    ]
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


def _to_json(line: Any, **_: Any) -> str:  # noqa: ANN401 - structlog's signature
    try:
        return json.encode(line, enc_hook=repr).decode()
    except UnicodeEncodeError:  # a lone surrogate that came from outside: written as its escape
        return dumps(line, default=repr)
