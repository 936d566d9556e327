"""Whether Kafka answers, and whether the producer is cut off from it. Pure: every time is an argument.

Times are monotonic seconds. How brokers are asked is in `broker_probe`; what follows, in `publisher`.
"""

from collections.abc import Iterable
from enum import Enum

from bridge.io.kafka.limits import PublisherLimits

_MAX_MISSED_PROBES = 2


class Probe(Enum):
    """What is to be asked: the brokers that the producer knows, or a fresh client's."""

    KNOWN_BROKERS = "known brokers"
    FRESH_CLIENT = "a fresh client"


class ProbeResult(Enum):
    """What follows from a probe."""

    NO_CHANGE = "nothing"
    BROKERS_UNRESPONSIVE = "the breaker opens"
    PRODUCER_CUT_OFF = "the producer is replaced"


class BrokerHealth:
    """Judges by what it is given: starts and losses of the producer, acknowledgements, contacts, probes.

    A contact is any sign that the producer reaches its cluster: an acknowledgement, a listing, a probe's
    response. Beside failed sends this detects brokers that do not answer while idle, and a producer that is
    cut off while a fresh client reaches the cluster.
    """

    def __init__(self, limits: PublisherLimits) -> None:
        self._limits = limits
        self._has_producer = False
        self._lost_at = 0.0
        self._last_ack_at = 0.0
        self._last_contact_at = 0.0
        self._missed_probes = 0
        self._fresh_probe_at = 0.0
        self._reachable_since = 0.0

    def on_connected(self, now: float) -> None:
        """Note that a producer has started."""
        self._has_producer = True
        self.on_ack(now)

    def on_producer_lost(self, now: float) -> None:
        """Note that there is no producer, or none yet."""
        self._has_producer = False
        self._lost_at = now

    def on_ack(self, now: float) -> None:
        """Note that Kafka has acknowledged a batch: a contact, too."""
        self._last_ack_at = self._last_contact_at = now
        self._missed_probes, self._reachable_since = 0, 0.0

    def on_contact(self, now: float) -> None:
        """Note that the producer reached its cluster."""
        self._last_contact_at = now
        self._missed_probes, self._reachable_since = 0, 0.0

    def is_known(self, now: float) -> bool:
        """Whether Kafka's state is known: it answered, or its time to answer is over."""
        return self._has_producer or now - self._lost_at > self._limits.ack_timeout_s

    def is_silent(self, overdue_sent_at: Iterable[float], now: float) -> bool:
        """Whether Kafka has not answered for ``ack_timeout_s``, so that the breaker has to open.

        ``overdue_sent_at``: when the batches were sent that are overdue and not known to be stalled.
        """
        if not self._has_producer:
            last_at = max(self._lost_at, self._last_ack_at)
        else:
            last_at = max(min(overdue_sent_at, default=now), self._last_ack_at)
        return now - last_at > self._limits.ack_timeout_s

    def due_probe(self, now: float, *, breaker_open: bool, has_in_flight: bool) -> Probe | None:
        """Return what is to be asked now, if anything. A batch in flight has a time-out that decides."""
        silence_s = now - self._last_contact_at
        if not breaker_open:
            is_due = silence_s > self._limits.idle_probe_after_s and not has_in_flight
            return Probe.KNOWN_BROKERS if is_due else None
        if (
            silence_s <= self._limits.stalled_after_s
            or now - self._fresh_probe_at < self._limits.fresh_probe_interval_s
        ):
            return None
        self._fresh_probe_at = now
        return Probe.FRESH_CLIENT

    def on_probe(self, probe: Probe, asked_at: float, now: float, *, responded: bool) -> ProbeResult:
        """Judge the end of a probe that began at ``asked_at``."""
        if self._last_contact_at >= asked_at:  # the producer reached its cluster meanwhile
            return ProbeResult.NO_CHANGE
        return (
            self._on_brokers_probed(now, responded=responded)
            if probe is Probe.KNOWN_BROKERS
            else self._on_fresh_client_probed(asked_at, now, responded=responded)
        )

    def _on_brokers_probed(self, now: float, *, responded: bool) -> ProbeResult:
        if responded:
            self.on_contact(now)
            return ProbeResult.NO_CHANGE
        self._missed_probes += 1
        is_over = self._missed_probes >= _MAX_MISSED_PROBES
        return ProbeResult.BROKERS_UNRESPONSIVE if is_over else ProbeResult.NO_CHANGE

    def _on_fresh_client_probed(self, asked_at: float, now: float, *, responded: bool) -> ProbeResult:
        """Return PRODUCER_CUT_OFF once fresh clients have reached the cluster for as long as the grace."""
        if not responded:
            self._reachable_since = 0.0
            return ProbeResult.NO_CHANGE
        self._reachable_since = self._reachable_since or asked_at
        is_cut_off = now - self._reachable_since >= self._limits.replace_grace_s
        return ProbeResult.PRODUCER_CUT_OFF if is_cut_off else ProbeResult.NO_CHANGE
