"""How many workers there are, and what each may use: the limits of the settings hold for all together."""

import os
from contextlib import suppress
from math import ceil
from pathlib import Path

from pydantic import ByteSize

from bridge.core.record import RECORD_MAX_BYTES
from bridge.settings.settings import Settings

_SPOOL_MIN_BYTES = 1024 * 1024
_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: "<quota> <period>" or "max <period>", in microseconds
_CPU_QUOTA_V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_CPU_PERIOD_V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def worker_count(settings: Settings) -> int:
    """Return how many workers there are to be; 0 in the settings is one for each core that may be used.

    At least 1 MiB of the spool's limit is left to each.
    """
    if settings.http.workers:
        return settings.http.workers
    spool_bytes = int(settings.spool.max_bytes)
    most = spool_bytes // _SPOOL_MIN_BYTES if spool_bytes else usable_cores()
    return max(1, min(usable_cores(), most))


def divided(settings: Settings, workers: int) -> Settings:
    """Return the settings of one of ``workers``: its part of what is a limit of the whole bridge.

    Never less than what one event needs. Of its part of `spool.max_bytes`, `io.spool.folders` takes off what
    other folders hold; `pull.batches` is divided by `batches_of`.
    """
    http, kafka = settings.http, settings.kafka
    in_flight_min = min(kafka.in_flight_max_bytes, 2 * RECORD_MAX_BYTES)
    bodies_min = 2 * http.body_max_bytes
    return settings.model_copy(
        update={
            "http": http.model_copy(
                update={
                    "connections_max": max(1, http.connections_max // workers),
                    "held_max": -(-http.held_max // workers),
                    "held_max_bytes": ByteSize(max(1, http.held_max_bytes // workers)),
                    "bodies_max_bytes": ByteSize(max(bodies_min, http.bodies_max_bytes // workers)),
                }
            ),
            "spool": settings.spool.model_copy(
                update={"max_bytes": ByteSize(settings.spool.max_bytes // workers)}
            ),
            "kafka": kafka.model_copy(
                update={
                    "in_flight_max_bytes": ByteSize(max(in_flight_min, kafka.in_flight_max_bytes // workers))
                }
            ),
        }
    )


def batches_of(batches: int, number: int, workers: int) -> int:
    """Return how many of a queue's ``batches`` worker ``number`` (from 1) pulls."""
    return batches // workers + (number <= batches % workers)


def usable_cores() -> int:
    """Return the cores that it may run on, at most as many as its container's CPU limit rounded up."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(affinity, _limit_of_container() or affinity))


def _limit_of_container() -> int:
    """Return the CPU limit in cores, rounded up; 0 where there is none."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        return limit_in_cores(_CPU_MAX.read_text(encoding="ascii"))
    with suppress(OSError, ValueError, ZeroDivisionError):
        files = (_CPU_QUOTA_V1, _CPU_PERIOD_V1)
        return limit_in_cores(" ".join(file.read_text(encoding="ascii") for file in files))
    return 0


def limit_in_cores(cpu_max: str) -> int:
    """Read a quota and a period as cgroups write them: cores, rounded up; 0: no limit. Raises ValueError."""
    quota, period = cpu_max.split()
    if quota in ("max", "-1"):
        return 0
    return ceil(int(quota) / int(period))
