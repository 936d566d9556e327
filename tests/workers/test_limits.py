"""How many workers there are, and what each may use: the limits of the settings hold for all together."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.io.spool.folders import share_of
from bridge.settings.settings import Settings, SettingsError, load
from bridge.workers.limits import batches_of, divided, limit_in_cores, usable_cores, worker_count

MIB = 1024 * 1024


def settings(**values: str) -> Settings:
    return load(None, {f"BRIDGE_{name}": value for name, value in values.items()})


@pytest.mark.parametrize(
    ("cpu_max", "cores"), [("max 100000\n", 0), ("200000 100000", 2), ("150000 100000", 2), ("-1 100000", 0)]
)
def test_a_containers_limit_is_rounded_up_to_whole_cores(cpu_max: str, cores: int) -> None:
    assert limit_in_cores(cpu_max) == cores


def test_zero_workers_is_one_for_each_usable_core() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    assert worker_count(settings(HTTP__WORKERS="0")) == usable_cores()
    assert worker_count(settings(HTTP__WORKERS="0", SPOOL__MAX_BYTES=str(MIB))) == 1
    assert worker_count(settings(HTTP__WORKERS="3")) == 3
    assert worker_count(settings()) == 1


def test_a_spool_of_less_than_a_mebibyte_for_each_worker_is_refused() -> None:
    with pytest.raises(SettingsError, match="1 MiB"):
        settings(HTTP__WORKERS="4", SPOOL__MAX_BYTES=str(2 * MIB))
    settings(HTTP__WORKERS="4", SPOOL__MAX_BYTES="0")


@given(workers=st.integers(1, 64))
def test_limits_are_divided_and_the_largest_event_still_fits(workers: int) -> None:
    whole = settings()
    part = divided(whole, workers)

    assert part.http.connections_max == whole.http.connections_max // workers
    assert whole.http.held_max <= part.http.held_max * workers < whole.http.held_max + workers
    assert part.http.bodies_max_bytes >= 2 * whole.http.body_max_bytes
    assert part.kafka.in_flight_max_bytes >= 32 * MIB
    assert part.http.held_max_bytes * workers <= whole.http.held_max_bytes


@given(batches=st.integers(1, 64), workers=st.integers(1, 64))
def test_the_batches_of_a_queue_are_spread_and_not_multiplied(batches: int, workers: int) -> None:
    parts = [batches_of(batches, number, workers) for number in range(1, workers + 1)]

    assert sum(parts) == batches
    assert max(parts) - min(parts) <= 1


@given(
    workers=st.integers(2, 8),
    own=st.lists(st.integers(0, 1000), min_size=8, max_size=8),
    left=st.lists(st.integers(0, 1000), max_size=4),
)
def test_what_all_folders_may_grow_to_stays_within_the_limit(
    workers: int, own: list[int], left: list[int]
) -> None:
    own = own[:workers]
    limits = [
        share_of(1000, workers, [*own[:number], *own[number + 1 :], *left]) for number in range(workers)
    ]
    grown = [max(used, limit) for used, limit in zip(own, limits, strict=True)]

    assert sum(grown) + sum(left) <= max(1000, sum(own) + sum(left))


def test_workers_alone_have_equal_shares() -> None:
    assert share_of(1000, 4, [0, 10, 250]) == 250
    assert share_of(1000, 4, []) == 250
