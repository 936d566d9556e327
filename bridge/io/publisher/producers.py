"""How a producer is made, and how it is let go of: within its time, whatever Kafka does."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer

from bridge.aiokafka_internals import cancel_sender, survive_resets


def make(options: Mapping[str, Any], listing_s: float) -> AIOKafkaProducer:
    """Make one that loses nothing and writes nothing twice; it lists the topics every ``listing_s``."""
    survive_resets()
    return AIOKafkaProducer(
        acks="all", enable_idempotence=True, metadata_max_age_ms=int(listing_s * 1000), **options
    )


async def let_go(producer: AIOKafkaProducer, seconds: float) -> None:
    """Stop it within ``seconds``, or cut it off within as many more."""
    # stop() waits for every send of an idempotent producer, for ever where Kafka is away; left alone its
    # sender would go on, and write what a new producer has sent again.
    stopping = asyncio.create_task(producer.stop())
    await asyncio.wait((stopping,), timeout=seconds)
    if stopping.done():
        stopping.cancelled() or stopping.exception()
        return
    stopping.cancel()
    cancel_sender(producer)
    closing = asyncio.create_task(producer.client.close())
    await asyncio.wait((closing,), timeout=seconds)
