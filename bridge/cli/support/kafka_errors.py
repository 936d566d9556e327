"""Why a Kafka did not do what a command asked: the way there, gone again step by step, in words of ours."""

import logging
from collections.abc import Mapping
from typing import Any

from bridge.diagnostics.kafka import describe_error, diagnose_cluster
from bridge.diagnostics.problem import Problem


def silence_aiokafka() -> None:
    """Keep the client library's own lines out of a person's sight: they say less than ours."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def explain_error(options: Mapping[str, Any], error: Exception) -> Problem:
    """Find out what is behind ``error``; where all addresses now answer, ``error`` itself is told."""
    found = await diagnose_cluster(options)
    if found is not None:
        return found
    return Problem(
        message=f"Kafka answered {describe_error(error)}", remedy="try again, then look at the broker's log"
    )
