"""Asks brokers whether they answer: those that a client knows, and those that a fresh client finds.

When they are asked, and what an answer means, is in `broker_health`.

aiokafka asks only the brokers of its last metadata, never the bootstrap addresses again. A client whose
brokers have all got other addresses therefore stays silent for ever while its cluster is well.
"""

import asyncio
import inspect
from collections.abc import Mapping
from contextlib import suppress
from random import sample
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from bridge.aiokafka_internals import with_current_password

_PROBED_BROKERS = 3
_FRESH_REQUEST_MS = 3_000  # so that one bootstrap address that is dead leaves time for the others
_CLIENT_OPTIONS = frozenset(inspect.signature(AIOKafkaClient).parameters)


async def any_broker_responds(client: AIOKafkaClient, timeout_s: float) -> bool:
    """Return whether one of a few brokers of a client's cluster answers in time. Asks for no topic."""
    brokers = list(client.cluster.brokers())
    chosen = sample(brokers, min(_PROBED_BROKERS, len(brokers)))
    responses = [asyncio.ensure_future(client.send(broker.nodeId, MetadataRequest([]))) for broker in chosen]
    try:
        async with asyncio.timeout(timeout_s):
            for response in asyncio.as_completed(responses):
                with suppress(KafkaError, OSError):
                    await response
                    return True
    except TimeoutError:
        pass
    finally:
        for task in responses:
            task.cancel()
        await asyncio.gather(*responses, return_exceptions=True)
    return False


async def cluster_is_reachable(options: Mapping[str, Any], timeout_s: float) -> bool:
    """Return whether a fresh client made from ``options`` finds the cluster, and a broker by its own address.

    ``options`` are a producer's; what is not a client's is left out.
    """
    client_options = {
        name: value for name, value in with_current_password(options).items() if name in _CLIENT_OPTIONS
    }
    try:
        client = AIOKafkaClient(**client_options | {"request_timeout_ms": _FRESH_REQUEST_MS})
    except (OSError, ValueError):  # a file of the settings cannot be read now
        return False
    try:
        async with asyncio.timeout(timeout_s):
            await client.bootstrap()
            return await any_broker_responds(client, timeout_s)
    except (KafkaError, OSError, TimeoutError, ValueError):
        return False
    finally:
        await client.close()
