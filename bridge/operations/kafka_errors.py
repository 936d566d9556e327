"""Explains why Kafka did not do what a command asked: diagnoses the connection step by step."""

import logging
from collections.abc import Mapping
from typing import Any

from bridge.diagnostics.kafka import describe_error, diagnose_cluster
from bridge.diagnostics.problem import Problem


def silence_aiokafka() -> None:
    """Silence the library's log: our own line explains more."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def explain_error(options: Mapping[str, Any], error: Exception) -> Problem:
    """Diagnose ``error``; where all addresses respond now, return ``error`` itself."""
    found = await diagnose_cluster(options)
    if found is not None:
        return found
    return Problem(
        message=f"Kafka answered {describe_error(error)}", remedy="try again, then look at the broker's log"
    )
