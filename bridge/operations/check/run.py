"""All checks of an installation, in one call."""

import asyncio
import resource
import time

from bridge.core.plural import counted
from bridge.io.kafka.client import kafka_options
from bridge.observability.masking import Mask
from bridge.operations.check.finding import Finding, ok, warning
from bridge.operations.check.ingress import check_ingress
from bridge.operations.check.kafka import check_kafka
from bridge.operations.check.redis import check_redis
from bridge.operations.check.spool import check_spool
from bridge.operations.check.vendor import check_vendor
from bridge.settings.settings import Settings

_OTHER_FILES = 256  # connections to Kafka and Redis, and what else the process has open


async def run_checks(settings: Settings, mask: Mask) -> list[Finding]:
    """Run every check, and return what each found, without secrets and control characters."""
    return [
        Finding(found.state, found.check, mask.mask_line(found.message), mask.mask_line(found.remedy))
        for found in await _all_findings(settings)
    ]


async def _all_findings(settings: Settings) -> list[Finding]:
    local_findings = [
        ok("settings", "all understood"),
        *_check_weaknesses(settings),
        _file_limit(settings),
        check_spool(settings.spool),
        *check_ingress(settings.http, time.time()),
    ]
    kafka, redis, vendor = await asyncio.gather(
        check_kafka(
            kafka_options(settings.kafka),
            settings.routing().topics(sorted(settings.applications())),
            int(settings.kafka.topic_max_message_bytes),
        ),
        check_redis(settings.redis),
        check_vendor(settings.apps),
    )
    return [*local_findings, *kafka, *redis, *vendor]


def _check_weaknesses(settings: Settings) -> list[Finding]:
    return [warning("settings", weakness.message, weakness.remedy) for weakness in settings.weaknesses()]


def _file_limit(settings: Settings) -> Finding:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = settings.http.connections_max + _OTHER_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        message = f"at most {hard}, so it takes at most {counted(max(0, hard - _OTHER_FILES), 'connection')}"
        return warning("open files", message, f"raise its hard limit (ulimit -Hn, LimitNOFILE) to {wanted}")
    return ok("open files", f"{wanted} may be open")
