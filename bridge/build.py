"""Settings to parts: what each part is built from. Nothing is started here, and nothing tied together.

Parts get plain values; none of them reads a setting.
"""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from bridge.certificates import RenewedContext, ServerTlsFiles
from bridge.core.application import Application
from bridge.core.event import Notification, Record
from bridge.core.outcome import Outcome, Rejected
from bridge.core.record import RECORD_MAX_BYTES, Routing, dead_letter_instead
from bridge.credentials import Provided, credential_of
from bridge.drain import Drain, Pace
from bridge.holding import Holding
from bridge.io.dedup import Limits as MemoryLimits
from bridge.io.dedup import Memory
from bridge.io.ingress import Clock, Ingress
from bridge.io.ingress import Limits as DoorLimits
from bridge.io.poller import Limits as PollerLimits
from bridge.io.poller import Poller, Surroundings
from bridge.io.publisher import Limits as WriterLimits
from bridge.io.publisher import Publisher
from bridge.io.spool import Limits as SpoolLimits
from bridge.io.spool import Spool
from bridge.io.vod_api import Account, LegacyApi, VodApi
from bridge.links import kafka_options, redis_client
from bridge.proxies import proxy_for
from bridge.settings import Settings
from bridge.settings.apps import AppSettings
from bridge.telemetry import Telemetry
from bridge.telling import Told
from bridge.tracing import Traces, Untraced

_MILLISECONDS_A_DAY = 86_400_000


def now_ms() -> int:
    """Tell the wall clock's time in unix milliseconds."""
    return time.time_ns() // 1_000_000


def routing_of(settings: Settings) -> Routing:
    """Say which topics events go to."""
    return settings.routing()


def holding_rule(settings: Settings) -> Holding:
    """Say how long what is not durable is kept silent."""
    http = settings.http
    return Holding(
        hold_s=http.hold_s,
        slow_s=settings.kafka.slow_after_s,
        most=http.held_max,
        most_bytes=http.held_max_bytes,
        publish_unchecked=settings.dedup.when_unavailable == "publish",
    )


def build_memory(settings: Settings, telemetry: Telemetry) -> Memory:
    """Build what remembers occurrences."""
    dedup = settings.dedup
    limits = MemoryLimits(
        call_s=dedup.timeout_ms / 1000, remember_ms=int(dedup.remember_days * _MILLISECONDS_A_DAY)
    )
    # Two lines an application, and what a silent Redis still holds while it is probed.
    apps = [*settings.applications()]
    redis = redis_client(settings.redis, 2 * len(apps) + 8)
    return Memory(redis, telemetry, now_ms, limits, apps)


def build_writer(settings: Settings, telemetry: Telemetry) -> Publisher:
    """Build what writes to Kafka."""
    kafka = settings.kafka
    options = kafka_options(kafka) | {
        "max_batch_size": int(kafka.batch_max_bytes),
        "max_request_size": RECORD_MAX_BYTES,
        "compression_type": None if kafka.compression == "none" else kafka.compression,
        "request_timeout_ms": 10_000,
    }
    limits = WriterLimits(in_flight_bytes=kafka.in_flight_max_bytes, slow_after=kafka.slow_after_s)
    return Publisher(options, telemetry, limits)


def build_spool(settings: Settings, telemetry: Telemetry) -> Spool:
    """Build what keeps records on disk."""
    spool = settings.spool
    limits = SpoolLimits(max_bytes=int(spool.max_bytes), free_min_bytes=int(spool.free_min_bytes))
    return Spool(Path(spool.path), limits, telemetry, now_ms)


def build_drain(settings: Settings, writer: Publisher, spool: Spool, telemetry: Telemetry) -> Drain:
    """Build the way back from the spool to Kafka."""
    routing = routing_of(settings)

    def buried(record: Record, rejected: Rejected) -> Record | None:
        return dead_letter_instead(record, rejected.reason, rejected.detail, routing)

    return Drain(writer, spool, buried, telemetry, Pace())


def build_traces(settings: Settings) -> Traces:
    """Build what puts spans around the parts; where that is off, nothing of it is even loaded."""
    if not settings.tracing.enabled:
        return Untraced()
    from bridge.tracing.exporting import traces_by_environment  # noqa: PLC0415 - an extra, for those who want it

    return traces_by_environment()


def build_door(
    settings: Settings, deliver: Callable[[Notification], Told[Outcome]], telemetry: Telemetry
) -> Ingress:
    """Build what takes pushed notifications, and hands them to ``deliver``."""
    http = settings.http
    return Ingress(
        deliver,
        settings.applications(),
        DoorLimits(
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


def ingress_tls(settings: Settings) -> RenewedContext | None:
    """Give what the ingress speaks TLS with, followed as its files change; None where it speaks none.

    Raises OSError where the files cannot be used.
    """
    http = settings.http
    if not (http.tls_certfile and http.tls_keyfile):
        return None
    cafile = str(http.tls_client_cafile) if http.tls_client_cafile else None
    return RenewedContext(
        ServerTlsFiles(certfile=str(http.tls_certfile), keyfile=str(http.tls_keyfile), client_cafile=cafile)
    )


def vendor_account(app: AppSettings, *, patient: bool = False) -> Account:
    """Say how an application reaches the vendor; ``patient`` waits for a role's first credential."""
    credential = credential_of(app)
    if patient and isinstance(credential, Provided):
        credential.first()
    return Account(
        endpoint=app.endpoint, sub_app_id=app.sub_app_id, credential=credential, proxy_for=proxy_for
    )


def build_pollers(
    settings: Settings,
    deliver: Callable[[Notification], Awaitable[Outcome]],
    writer: Publisher,
    telemetry: Telemetry,
    session: aiohttp.ClientSession,
) -> list[Poller]:
    """Build what pulls, one for each application in mode pull. While ``writer`` is not flowing, none does."""
    surroundings = Surroundings(
        deliver=deliver,
        open_now=lambda: writer.flowing,
        now_ms=now_ms,
        monotonic=time.monotonic,
        telemetry=telemetry,
    )
    limits = PollerLimits(batches=settings.pull.batches)

    def build(app: Application) -> Poller:
        account = vendor_account(settings.apps[app.name])
        if app.mode == "pull-legacy":
            return Poller(app, LegacyApi(account, session, time.time), surroundings, limits)
        api = VodApi(account, session, time.time)
        return Poller(app, api, surroundings, limits, api.waiting)

    return [build(app) for app in settings.applications().values() if app.mode != "push"]
