"""Which changes of settings a roll of the workers leaves a spool folder behind with."""

import pytest

from bridge.settings.settings import Settings, load
from bridge.workers.spool_change import spool_change

NAMES = ("BRIDGE_SPOOL__PATH", "BRIDGE_SPOOL__MAX_BYTES")


def settings_with(path: str, max_bytes: int) -> Settings:
    return load(None, dict(zip(NAMES, (path, str(max_bytes)), strict=True)))


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        (("/a", 1 << 20), ("/a", 1 << 21), ""),
        (("/a", 0), ("/b", 1 << 20), ""),
        (("/a", 1 << 20), ("/b", 1 << 20), "spool.path is /b now: what lies in /a stays there undrained"),
        (("/a", 1 << 20), ("/a", 0), "spool.max_bytes is 0 now: what lies in /a stays there undrained"),
    ],
)
def test_another_folder_and_no_spool_leave_the_old_folder_behind(
    before: tuple[str, int], after: tuple[str, int], problem: str
) -> None:
    assert spool_change(settings_with(*before), settings_with(*after)) == problem
