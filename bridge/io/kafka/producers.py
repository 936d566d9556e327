"""How a producer is made, and how it is closed: within a time limit, whatever Kafka does."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer

from bridge.aiokafka_internals import cancel_sender, install_reset_safe_connections, with_current_password


def create_producer(options: Mapping[str, Any], metadata_max_age_s: float) -> AIOKafkaProducer:
    """Make an idempotent producer with acks=all; it fetches metadata every ``metadata_max_age_s``."""
    install_reset_safe_connections()
    return AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        metadata_max_age_ms=int(metadata_max_age_s * 1000),
        **with_current_password(options),
    )


async def close_producer(producer: AIOKafkaProducer, timeout_s: float) -> None:
    """Stop it within ``timeout_s`` seconds, or cut its connections within as many more."""
    # stop() waits for every send of an idempotent producer, for ever without Kafka; left alone its
    # sender would go on, and write what a new producer has sent again.
    stopping = asyncio.create_task(producer.stop())
    await asyncio.wait((stopping,), timeout=timeout_s)
    if stopping.done():
        stopping.cancelled() or stopping.exception()
        return
    stopping.cancel()
    cancel_sender(producer)
    closing = asyncio.create_task(producer.client.close())
    await asyncio.wait((closing,), timeout=timeout_s)
