"""What /readyz reports: whether deliveries can be made durable, and what the bridge does without."""

from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from bridge.core.plural import counted
from bridge.io.admin import Readiness
from bridge.io.dedup.store import RedisDedup
from bridge.io.kafka.publisher import KafkaPublisher
from bridge.io.spool import Spool
from bridge.io.vod.poller import Poller
from bridge.observability.masking import Mask
from bridge.observability.spool_backlog import backlog_of
from bridge.settings.settings import Settings
from bridge.startup import TOPICS_LISTED_MAX, describe_dedup_unavailable


class Observed(Struct, frozen=True, kw_only=True):
    """The parts whose state makes the readiness. ``spools``: the first takes records, others are drained."""

    publisher: KafkaPublisher
    dedup: RedisDedup
    spools: Callable[[], Sequence[Spool]]
    pollers: Sequence[Poller]


class ReadinessReport:
    """The readiness of one process, of which ``topics`` are those that it writes to."""

    def __init__(
        self,
        settings: Settings,
        mask: Mask,
        topics: Collection[str],
        parts: Observed,
        now_ms: Callable[[], int],
    ) -> None:
        self._has_spool = bool(settings.spool.max_bytes)
        self._is_unchecked = settings.dedup.when_unavailable == "publish"
        self._mask = mask
        self._topics = topics
        self._parts = parts
        self._now_ms = now_ms

    def missing_topics(self) -> list[str] | None:
        """Name the topics that do not exist; None until Kafka has listed them."""
        publisher = self._parts.publisher
        return publisher.missing_topics(self._topics) if publisher.metadata_loaded else None

    def now(self, *, stopping: bool) -> Readiness:
        """Return how it is now."""
        publisher, spool = self._parts.publisher, self._parts.spools()[0]
        missing = publisher.missing_topics(self._topics)
        # A spool that takes writes is enough, but a Kafka that is well is given the moment to show it.
        ready = (publisher.accepting and not missing) or (publisher.health_known and spool.accepts_size(0))
        degraded = [self._mask.mask_line(text) for text in self._degraded(missing)]
        return Readiness(ready=ready, stopping=stopping, degraded=degraded)

    def _degraded(self, missing: Sequence[str]) -> list[str]:
        publisher, spools = self._parts.publisher, self._parts.spools()
        degraded = []
        if not publisher.accepting:
            degraded.append("kafka: not answering")
        if missing and publisher.metadata_loaded:
            named = ", ".join(missing[:TOPICS_LISTED_MAX]) + (
                ", …" if len(missing) > TOPICS_LISTED_MAX else ""
            )
            degraded.append(f"kafka: {counted(len(missing), 'topic')} missing ({named})")
        if spools[0].unavailable_reason and self._has_spool:
            degraded.append(f"spool: {spools[0].unavailable_reason}")
        if any(spool.records for spool in spools):
            degraded.append(self._describe_backlog(spools))
        degraded += describe_dedup_unavailable(self._parts.dedup.unavailable, is_unchecked=self._is_unchecked)
        return degraded + [
            f"vendor: {one.name} cannot be pulled" for one in self._parts.pollers if one.failing
        ]

    def _describe_backlog(self, spools: Sequence[Spool]) -> str:
        backlog = backlog_of(spools, self._now_ms())
        return (
            f"spool: {counted(backlog.records, 'record')} waiting"
            f" ({backlog.bytes} bytes, the oldest for {backlog.oldest_age_ms // 1000} s)"
        )
