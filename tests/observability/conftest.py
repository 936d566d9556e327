"""What the tests of the log share."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture
def log_stream() -> Iterator[io.StringIO]:
    """Give a stream to configure logging with; afterwards logging is for other tests what it was."""
    root, aiokafka = logging.getLogger(), logging.getLogger("aiokafka")
    handlers, levels = root.handlers[:], [(logger, logger.level) for logger in (root, aiokafka)]
    yield io.StringIO()
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    for logger, level in levels:
        logger.setLevel(level)
