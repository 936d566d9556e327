"""What the chart takes for the program's defaults, where it counts bytes, is what they are."""

import re
from typing import Any

import pytest

from bridge.core.record import RECORD_MAX_BYTES
from bridge.settings.settings import Settings
from bridge.workers.limits import divided
from tests.deploy.chart_rendering import CHART

LIMITS = (CHART / "templates" / "_limits.tpl").read_text(encoding="utf-8")
MIB = 1024 * 1024
COUNTED = re.findall(r'bridge\.settingBytes" \(list \. "(\w+)" "(\w+)" "(\d+)([MG])iB"\)', LIMITS)


def test_all_that_is_counted_is_found() -> None:
    assert len(COUNTED) == LIMITS.count('include "bridge.settingBytes"') > 0


@pytest.mark.parametrize(("section", "name", "number", "unit"), COUNTED)
def test_a_default_is_the_programs(section: str, name: str, number: str, unit: str) -> None:
    model: Any = getattr(Settings(), section)
    assert getattr(model, name) == int(number) * (MIB if unit == "M" else 1024 * MIB)


def test_what_each_of_many_workers_has_at_least_is_counted() -> None:
    each = divided(Settings(), 64)
    assert each.kafka.in_flight_max_bytes == 2 * RECORD_MAX_BYTES
    assert f"(mul $workers (min $inFlight {2 * RECORD_MAX_BYTES}))" in LIMITS
    assert each.http.bodies_max_bytes == 2 * each.http.body_max_bytes
    assert "(mul $workers 2 $body)" in LIMITS
