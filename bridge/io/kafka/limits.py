"""The publisher's numbers."""

from msgspec import Struct


class BufferLimits(Struct, frozen=True, kw_only=True):
    """How much may be on its way to Kafka at once."""

    max_bytes: int
    max_records: int


class PublisherLimits(Struct, frozen=True, kw_only=True):
    """Limits of the publisher; times in seconds.

    ``max_in_flight_bytes``, ``max_in_flight_records``: waiting and in flight. ``ack_timeout_s``: a batch not
    answered for so long opens the breaker. ``stalled_after_s``: a partition without an answer for so long,
    while the broker answers otherwise, costs the producer (doubled each time in a row); so does a producer
    that hears nothing for so long while a fresh client, probed every ``fresh_probe_interval_s``, has reached
    the cluster for ``replace_grace_s`` (when a cluster comes back, a working producer notices by itself).
    ``idle_probe_after_s``: brokers are probed after so long without any response or batch in flight.
    ``close_timeout_s``: how long a discarded producer's batches, and its close, are waited for. ``linger_s``:
    under load batches leave so far apart.
    """

    max_in_flight_bytes: int = 64 * 1024 * 1024
    max_in_flight_records: int = 50_000
    ack_timeout_s: float = 2.0
    stalled_after_s: float = 10.0
    replace_grace_s: float = 10.0
    fresh_probe_interval_s: float = 2.0
    idle_probe_after_s: float = 5.0
    close_timeout_s: float = 1.0
    connect_timeout_s: float = 10.0
    tick_s: float = 0.1
    reconnect_backoff_s: float = 0.5
    metadata_retry_s: float = 1.0
    metadata_max_age_s: float = 60.0
    linger_s: float = 0.005
