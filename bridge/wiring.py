"""Settings to parts: what each part is built from. Nothing is started here, and nothing tied together.

Parts get plain values; none of them reads a setting.
"""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
from msgspec import Struct

from bridge.aio.promise import Promise
from bridge.core.application import Application
from bridge.core.catalogue import BY_NAME
from bridge.core.event import Notification, Record
from bridge.core.outcome import DeliveryResult, RejectedError
from bridge.core.probe_notification import PROBE_EVENT_TYPE
from bridge.core.record import RECORD_MAX_BYTES, Routing, dead_letter_for_record
from bridge.delivery.drain import Drain, DrainLimits
from bridge.delivery.hold import HoldPolicy
from bridge.io.dedup.redis_client import TIMEOUT_S, redis_client
from bridge.io.dedup.store import DedupLimits, RedisDedup
from bridge.io.http.server import Clock, Ingress, IngressLimits
from bridge.io.kafka.client import kafka_options
from bridge.io.kafka.limits import PublisherLimits
from bridge.io.kafka.publisher import KafkaPublisher
from bridge.io.spool import Spool, SpoolLimits
from bridge.io.tls import ReloadingSSLContext, ServerTlsFiles
from bridge.io.vod.account import Account
from bridge.io.vod.api import VodApi
from bridge.io.vod.credentials import RefreshingCredentials, credential_source
from bridge.io.vod.event_queue import EventQueue, UnconfirmedQueue
from bridge.io.vod.forward_proxy import proxy_for
from bridge.io.vod.legacy_api import LegacyApi
from bridge.io.vod.poller import Poller, PollerDeps, PollerLimits
from bridge.observability.telemetry import Telemetry
from bridge.observability.tracing.interface import NoopTracing, Tracing
from bridge.settings.apps import AppSettings
from bridge.settings.settings import Settings
from bridge.workers.limits import batches_of

_MS_PER_DAY = 86_400_000
# A connection to Redis that is silent for so many times as long as a call may take is closed.
_REDIS_TIMEOUT_FACTOR = 3
_ORPHAN_MAX_BYTES = 1 << 40


def now_ms() -> int:
    """Return the wall clock's time in unix milliseconds."""
    return time.time_ns() // 1_000_000


def build_routing(settings: Settings) -> Routing:
    """Return which topics events go to."""
    return settings.routing()


def hold_policy(settings: Settings) -> HoldPolicy:
    """Return how long the responses of deliveries that are not durable are withheld."""
    http = settings.http
    return HoldPolicy(
        hold_s=http.hold_s,
        slow_after_s=settings.kafka.slow_after_s,
        max_held=http.held_max,
        max_held_bytes=http.held_max_bytes,
        fail_open=settings.dedup.when_unavailable == "publish",
    )


def build_telemetry(settings: Settings) -> Telemetry:
    """Build what counts and logs."""
    applications = settings.applications()
    return Telemetry(
        types=[*BY_NAME, PROBE_EVENT_TYPE],  # a test is no unknown type to alerts
        apps=list(applications),
        pulled=[app.name for app in applications.values() if app.mode != "push"],
        deliveries=settings.log.deliveries,
    )


def build_dedup(settings: Settings, telemetry: Telemetry) -> RedisDedup:
    """Build what remembers occurrences."""
    dedup = settings.dedup
    limits = DedupLimits(
        call_timeout_s=dedup.timeout_ms / 1000, remember_ms=int(dedup.remember_days * _MS_PER_DAY)
    )
    # Two lines an application, and what a silent Redis still holds while it is probed.
    apps = [*settings.applications()]
    # A call is limited by the store, which gives it up to twice as long where our own loop stood still.
    timeout_s = max(TIMEOUT_S, _REDIS_TIMEOUT_FACTOR * limits.call_timeout_s)
    redis = redis_client(settings.redis, 2 * len(apps) + 8, timeout_s)
    return RedisDedup(redis, telemetry, now_ms, limits, apps)


def build_publisher(settings: Settings, telemetry: Telemetry) -> KafkaPublisher:
    """Build what writes to Kafka."""
    kafka = settings.kafka
    options = kafka_options(kafka) | {
        "max_batch_size": int(kafka.batch_max_bytes),
        "max_request_size": RECORD_MAX_BYTES,
        "compression_type": None if kafka.compression == "none" else kafka.compression,
        "request_timeout_ms": 10_000,
    }
    limits = PublisherLimits(max_in_flight_bytes=kafka.in_flight_max_bytes, ack_timeout_s=kafka.slow_after_s)
    return KafkaPublisher(options, telemetry, limits)


def build_spool(settings: Settings, telemetry: Telemetry, path: Path | None = None) -> Spool:
    """Build what keeps records on disk; in ``path`` where that is not the folder of the settings."""
    spool = settings.spool
    limits = SpoolLimits(max_bytes=int(spool.max_bytes), free_min_bytes=int(spool.free_min_bytes))
    return Spool(path or Path(spool.path), limits, telemetry, now_ms)


def build_orphaned_spool(settings: Settings, telemetry: Telemetry, path: Path) -> Spool:
    """Build what reads a folder that is to be drained. Its limit is for what has to be put aside."""
    spool = settings.spool
    limits = SpoolLimits(max_bytes=_ORPHAN_MAX_BYTES, free_min_bytes=int(spool.free_min_bytes))
    return Spool(path, limits, telemetry, now_ms)


def build_drain(settings: Settings, publisher: KafkaPublisher, spool: Spool, telemetry: Telemetry) -> Drain:
    """Build the way back from the spool to Kafka."""
    routing = build_routing(settings)

    def to_dead_letter(record: Record, error: RejectedError) -> Record | None:
        return dead_letter_for_record(record, error.reason, error.detail, routing)

    return Drain(publisher, spool, to_dead_letter, telemetry, DrainLimits())


def build_tracing(settings: Settings) -> Tracing:
    """Build what puts spans around the parts; where that is off, nothing of it is even loaded."""
    if not settings.tracing.enabled:
        return NoopTracing()
    from bridge.observability.tracing.exporter import tracing_from_env  # noqa: PLC0415 - an extra, for those who want it

    return tracing_from_env()


def build_ingress(
    settings: Settings, deliver: Callable[[Notification], Promise[DeliveryResult]], telemetry: Telemetry
) -> Ingress:
    """Build what takes pushed notifications, and hands them to ``deliver``."""
    http = settings.http
    return Ingress(
        deliver,
        settings.applications(),
        IngressLimits(
            body_max_bytes=http.body_max_bytes,
            bodies_max_bytes=http.bodies_max_bytes,
            connections_max=http.connections_max,
            read_timeout_s=http.read_timeout_s,
            write_timeout_s=http.write_timeout_s,
            hold_s=http.hold_s,
            trusted_proxies=http.trusted_proxies,
            traced=settings.tracing.enabled,
        ),
        Clock(now_ms=now_ms, monotonic=time.monotonic),
        telemetry,
    )


def ingress_tls(settings: Settings) -> ReloadingSSLContext | None:
    """Give what the ingress speaks TLS with, followed as its files change; None where it speaks none.

    Raises OSError where the files cannot be used.
    """
    http = settings.http
    if not (http.tls_certfile and http.tls_keyfile):
        return None
    cafile = str(http.tls_client_cafile) if http.tls_client_cafile else None
    return ReloadingSSLContext(
        ServerTlsFiles(certfile=str(http.tls_certfile), keyfile=str(http.tls_keyfile), client_cafile=cafile)
    )


def vendor_account(app: AppSettings, *, wait_for_credential: bool = False) -> Account:
    """Return an application's account; ``wait_for_credential`` blocks until a role's first credential."""
    credential = credential_source(app)
    if wait_for_credential and isinstance(credential, RefreshingCredentials):
        credential.refresh_now()
    return Account(
        endpoint=app.endpoint, sub_app_id=app.sub_app_id, credential=credential, proxy_for=proxy_for
    )


class PullShare(Struct, frozen=True, kw_only=True):
    """Which worker of how many pulls: ``number`` is from 1 to ``workers``.

    Without ``confirm`` the events are left at the vendor, which hands them out again.
    """

    number: int = 1
    workers: int = 1
    confirm: bool = True


def build_pollers(  # noqa: PLR0913 - the share has a default
    settings: Settings,
    deliver: Callable[[Notification], Awaitable[DeliveryResult]],
    publisher: KafkaPublisher,
    telemetry: Telemetry,
    session: aiohttp.ClientSession,
    *,
    share: PullShare = PullShare(),  # noqa: B008 - it cannot be changed
) -> list[Poller]:
    """Build a poller for each application in mode pull. None pulls while ``publisher`` is not accepting.

    The batches of one queue are spread over the workers, and so is the rate at which it is called.
    """
    batches = batches_of(settings.pull.batches, share.number, share.workers)
    if not batches:
        return []
    pulling = min(share.workers, settings.pull.batches)
    deps = PollerDeps(
        deliver=deliver,
        can_pull=lambda: publisher.accepting,
        now_ms=now_ms,
        monotonic=time.monotonic,
        telemetry=telemetry,
    )
    limits = PollerLimits(
        max_concurrency=batches,
        min_interval_s=pulling * PollerLimits().min_interval_s,
        idle_interval_s=pulling * PollerLimits().idle_interval_s,
        start_delay_s=(share.number - 1) * PollerLimits().idle_interval_s,
    )

    def build(app: Application) -> Poller:
        account = vendor_account(settings.apps[app.name])
        if app.mode == "pull-legacy":
            return Poller(app, LegacyApi(account, session, time.time), deps, limits)
        api = VodApi(account, session, time.time)
        queue: EventQueue = api if share.confirm else UnconfirmedQueue(api)
        return Poller(app, queue, deps, limits, api.queue_depth if share.number == 1 else None)

    return [build(app) for app in settings.applications().values() if app.mode != "push"]
