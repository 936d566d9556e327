"""Why a Kafka did not do what a command asked: the way there, gone again step by step, in words of ours."""

import logging
from collections.abc import Mapping
from typing import Any

from bridge.reasons.kafka import kafka_link_trouble, said
from bridge.reasons.trouble import Trouble


def hush_library() -> None:
    """Keep the client library's own lines out of a person's sight: they say less than ours."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def trouble_of(options: Mapping[str, Any], error: Exception) -> Trouble:
    """Find out what is behind ``error``; where all addresses now answer, ``error`` itself is told."""
    found = await kafka_link_trouble(options)
    if found is not None:
        return found
    return Trouble(what=f"Kafka answered {said(error)}", todo="try again, then look at the broker's log")
