"""The options of a consumer: names, meanings, defaults. Kafka's own options are passed on unchanged."""

from __future__ import annotations

import signal
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, TypedDict

from aiokafka.abc import AbstractTokenProvider
from msgspec import Struct

from bridge.consumer.clients import AiokafkaClients, KafkaClients
from bridge.consumer.errors import UnreadableRecordError
from bridge.consumer.event import Event
from bridge.core.group_dead_letter import retry_topic_of
from bridge.core.record import RECORD_MAX_BYTES, Routing

Lag = Mapping[tuple[str, int], int]
"""Records not yet done, by topic and partition."""

Middleware = Callable[[Event[Any]], AbstractContextManager[object]]


class ConnectionOptions(TypedDict, total=False):
    """Passed to aiokafka, which documents them; ``bootstrap_servers`` are host:port, comma-separated."""

    bootstrap_servers: str | Sequence[str]
    client_id: str
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
    ssl_context: ssl.SSLContext
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI"]
    sasl_plain_username: str
    sasl_plain_password: str
    sasl_oauth_token_provider: AbstractTokenProvider
    sasl_kerberos_service_name: str
    sasl_kerberos_domain_name: str
    request_timeout_ms: int
    retry_backoff_ms: int
    connections_max_idle_ms: int
    metadata_max_age_ms: int


class KafkaOptions(ConnectionOptions, total=False):
    """Passed to the consumer only, not to the producer of dead letters."""

    group_instance_id: str
    session_timeout_ms: int
    heartbeat_interval_ms: int
    max_poll_interval_ms: int
    rebalance_timeout_ms: int
    fetch_max_bytes: int
    max_partition_fetch_bytes: int
    fetch_max_wait_ms: int
    fetch_min_bytes: int
    check_crcs: bool
    isolation_level: Literal["read_uncommitted", "read_committed"]
    client_rack: str
    partition_assignment_strategy: Sequence[Any]


class Options(KafkaOptions, total=False):
    """Options of `subscribe` and `Consumer`; `ConsumerConfig` has the defaults.

    ``topic``, ``topic_other``: as the bridge is configured, the first a template of {type} and {app};
    ``apps``: only these applications' events. ``start``: where the group begins in a partition without a
    committed offset. An offset is committed after ``commit_every`` events or ``commit_interval_s`` seconds,
    whichever comes first. ``drain_timeout_s``: how long a stop, or the revocation of a partition, waits for
    events in progress; keep it below ``rebalance_timeout_ms`` (30 s). ``stop_on``: signals that stop it
    cleanly. ``on_lag`` is called every ``lag_interval_s`` with the lag. ``on_unreadable`` is called with a
    record that is no event, which then counts as done; without it, `subscribe` raises it and `Consumer`
    writes it to the dead-letter topic. ``clients`` is for tests: a `bridge.consumer.testing.FakeKafka`.
    """

    topic: str
    topic_other: str
    apps: Sequence[str]
    start: Literal["earliest", "latest"]
    commit_every: int
    commit_interval_s: float
    drain_timeout_s: float
    stop_on: Sequence[signal.Signals]
    on_lag: Callable[[Lag], None]
    lag_interval_s: float
    on_unreadable: Callable[[UnreadableRecordError], None]
    clients: KafkaClients


class ConsumerOptions(Options, total=False):
    """The further options of `Consumer`.

    ``concurrency``: handlers at work at once. ``in_flight_max``: events fetched from Kafka and not done.
    ``attempts``: how often an event is tried in all, after pauses of ``backoff_s``, twice that, and so on up
    to ``backoff_max_s`` (each shortened by up to half, at random). ``dead_letter_topic``: a template of
    {group}; None: an event that cannot be handled stops the consumer. ``retry_topic``: where dead letters
    that are redriven come back, to this group alone, a template of {dead_letter_topic}; None: nowhere.
    ``middleware`` are called with an event, and give a context that each attempt of its handler runs in, the
    first one outermost: `bridge.consumer.tracing.handler_span`, `bridge.consumer.metrics.ConsumerMetrics`.
    An error that such a context suppresses counts all the same.
    """

    concurrency: int
    in_flight_max: int
    attempts: int
    backoff_s: float
    backoff_max_s: float
    dead_letter_topic: str | None
    retry_topic: str | None
    middleware: Sequence[Middleware]


class ConsumerConfig(Struct, frozen=True, kw_only=True):
    """The options with their defaults; ``kafka`` is passed to aiokafka."""

    group: str
    kafka: dict[str, Any]
    topic: str = Routing().topic
    topic_other: str = Routing().topic_other
    apps: Sequence[str] = ()
    start: str = "earliest"
    commit_every: int = 1_000
    commit_interval_s: float = 1.0
    drain_timeout_s: float = 10.0
    stop_on: Sequence[signal.Signals] = ()
    on_lag: Callable[[Lag], None] | None = None
    lag_interval_s: float = 10.0
    on_unreadable: Callable[[UnreadableRecordError], None] | None = None
    clients: KafkaClients = AiokafkaClients()
    concurrency: int = 16
    in_flight_max: int = 1_000
    attempts: int = 5
    backoff_s: float = 0.5
    backoff_max_s: float = 30.0
    dead_letter_topic: str | None = "vod.dead-letter.{group}"
    middleware: Sequence[Middleware] = ()
    retry_topic: str | None = retry_topic_of("{dead_letter_topic}")

    def __post_init__(self) -> None:
        if not self.group:
            raise ValueError("group is empty")
        if isinstance(self.apps, str):  # whose letters would be taken for names
            text = f"apps is {self.apps!r}; it must be several names, like [{self.apps!r}]"
            raise ValueError(text)  # noqa: TRY004 - as for every option that cannot be
        if self.start not in ("earliest", "latest"):
            raise ValueError(f"start is {self.start!r}; it may be 'earliest' or 'latest'")
        positive_options = ("commit_every", "commit_interval_s", "concurrency", "in_flight_max", "attempts")
        for name in (*positive_options, "lag_interval_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")

    @property
    def consumer_options(self) -> dict[str, Any]:
        """The options of `AIOKafkaConsumer`.

        An offset that Kafka no longer has is reset to the oldest record whatever ``start`` is: what still
        exists is not skipped.
        """
        return (
            _CONSUMER_DEFAULTS | self.kafka | {"auto_offset_reset": "earliest", "enable_auto_commit": False}
        )

    @property
    def producer_options(self) -> dict[str, Any]:
        """The options of the dead letters' `AIOKafkaProducer`."""
        shared = {name: value for name, value in self.kafka.items() if name in _PRODUCER_OPTION_NAMES}
        return shared | {"acks": "all", "max_request_size": RECORD_MAX_BYTES + _HEADERS_MAX_BYTES}

    @property
    def dead_letter_topic_name(self) -> str | None:
        """The group's dead-letter topic."""
        return self.dead_letter_topic and self.dead_letter_topic.replace("{group}", self.group)

    @property
    def retry_topic_name(self) -> str | None:
        """The topic of redriven dead letters; None where there are none."""
        dead_letters = self.dead_letter_topic_name
        if self.retry_topic is None or dead_letters is None:
            return None
        return self.retry_topic.replace("{dead_letter_topic}", dead_letters)


def config_from(group: str, options: Mapping[str, Any]) -> ConsumerConfig:
    """Build the configuration: the options that are not ours go to ``kafka``."""
    ours = {name: value for name, value in options.items() if name in ConsumerConfig.__struct_fields__}
    return ConsumerConfig(
        group=group, kafka={name: options[name] for name in options.keys() - ours.keys()}, **ours
    )


_CONSUMER_DEFAULTS = {"metadata_max_age_ms": 60_000, "rebalance_timeout_ms": 30_000}
_PRODUCER_OPTION_NAMES = frozenset(ConnectionOptions.__annotations__)
_HEADERS_MAX_BYTES = 64 * 1024
