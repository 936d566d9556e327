"""The publisher's numbers."""

from msgspec import Struct


class PublisherLimits(Struct, frozen=True, kw_only=True):
    """``in_flight_bytes`` and ``in_flight_records`` are on their way at most; all else in seconds.

    ``slow_after`` is how long the broker may be silent with work in hand before nothing more enters the
    producer. A lane that is silent for ``silent`` although the broker answers otherwise costs the producer;
    the pauses between such replacements double. A producer that hears nothing at all for ``silent`` costs
    it too, where a fresh client has reached the cluster for ``grace``, asked every ``ask_fresh``: the grace
    is for a cluster that comes back, whose answers a living producer hears by itself. Nothing held and
    nothing heard for ``idle``, the brokers are asked whether they answer. ``settle`` is how long a dying
    producer's healthy batches are waited for; under load batches leave ``gather`` apart.
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
