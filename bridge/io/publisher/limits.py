"""The publisher's numbers."""

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """``in_flight_bytes`` and ``in_flight_records`` are on their way at most; all else in seconds.

    ``slow_after`` is how long the broker may be silent with work in hand before nothing more enters the
    producer. A lane that is silent for ``silent`` although the broker answers otherwise costs the producer;
    the pauses between such replacements double. A producer that hears nothing at all for ``silent`` costs
    it too, where a fresh client has reached the cluster for ``grace``, asked every ``ask_fresh``: the grace
    is for a cluster that comes back, whose answers a living producer hears by itself. Nothing held and
    nothing heard for ``idle``, the brokers are asked whether they answer. ``settle`` is how long a dying
    producer's healthy batches are waited for; under load batches leave ``gather`` apart.
    """

    in_flight_bytes: int = 64 * 1024 * 1024
    in_flight_records: int = 50_000
    slow_after: float = 2.0
    silent: float = 10.0
    grace: float = 10.0
    ask_fresh: float = 2.0
    idle: float = 5.0
    settle: float = 1.0
    start: float = 10.0
    tick: float = 0.1
    retry: float = 0.5
    ask_again: float = 1.0
    listing: float = 60.0
    gather: float = 0.005
