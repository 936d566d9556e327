"""Whether brokers answer: those that a client knows, and those that a fresh client finds.

aiokafka asks only the brokers of its last metadata, never the bootstrap addresses again. A client whose
brokers have all got other addresses therefore stays silent for ever while its cluster is well.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from random import sample
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from bridge.io.kafka.limits import PublisherLimits

_PROBED_BROKERS = 3
_MAX_MISSED_PROBES = 2
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
    client_options = {name: value for name, value in options.items() if name in _CLIENT_OPTIONS}
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


class ProbeResult(StrEnum):
    """What a check found."""

    NO_CHANGE = "nothing"
    BROKERS_UNRESPONSIVE = "silent"
    PRODUCER_CUT_OFF = "cut_off"


class BrokerHealth:
    """Detects what no failed send shows: brokers that do not answer while idle, a producer that is cut off.

    ``options`` are the producer's; ``now`` is a monotonic clock in seconds.
    """

    def __init__(self, options: Mapping[str, Any], limits: PublisherLimits, now: Callable[[], float]) -> None:
        self._options = options
        self._limits = limits
        self._now = now
        self._missed_probes = 0
        self._reachable_since = 0.0
        self._fresh_probe_at = 0.0
        self._last_contact = 0.0

    def note_contact(self) -> None:
        """Note that the producer reached its cluster: an acknowledgement, a listing, a probe's response."""
        self._last_contact = self._now()
        self._missed_probes, self._reachable_since = 0, 0.0

    async def check(self, client: AIOKafkaClient, *, breaker_open: bool, has_in_flight: bool) -> ProbeResult:
        """Probe a producer's ``client`` if it is time to. With a batch in flight its time-out decides."""
        silence_s = self._now() - self._last_contact
        if breaker_open:
            return (
                await self._probe_with_fresh_client()
                if silence_s > self._limits.stalled_after_s
                else ProbeResult.NO_CHANGE
            )
        return (
            await self._probe_brokers(client)
            if silence_s > self._limits.idle_probe_after_s and not has_in_flight
            else ProbeResult.NO_CHANGE
        )

    async def _probe_brokers(self, client: AIOKafkaClient) -> ProbeResult:
        last_contact = self._last_contact
        if await any_broker_responds(client, self._limits.ack_timeout_s):
            self.note_contact()
        elif self._last_contact == last_contact:
            self._missed_probes += 1
        return (
            ProbeResult.BROKERS_UNRESPONSIVE
            if self._missed_probes >= _MAX_MISSED_PROBES
            else ProbeResult.NO_CHANGE
        )

    async def _probe_with_fresh_client(self) -> ProbeResult:
        """Return PRODUCER_CUT_OFF if only a fresh client reached the cluster, for as long as the grace."""
        last_contact, probed_at = self._last_contact, self._now()
        if probed_at - self._fresh_probe_at < self._limits.fresh_probe_interval_s:
            return ProbeResult.NO_CHANGE
        self._fresh_probe_at = probed_at
        reachable = await cluster_is_reachable(self._options, self._limits.connect_timeout_s)
        if self._last_contact != last_contact:  # meanwhile
            return ProbeResult.NO_CHANGE
        if not reachable:
            self._reachable_since = 0.0
        elif not self._reachable_since:
            self._reachable_since = probed_at
        is_cut_off = reachable and self._now() - self._reachable_since >= self._limits.replace_grace_s
        return ProbeResult.PRODUCER_CUT_OFF if is_cut_off else ProbeResult.NO_CHANGE
