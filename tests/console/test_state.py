"""What the console shows of the process, from what it has in memory."""

from msgspec import Struct

from bridge.console.state import ProcessView
from bridge.io.admin import Readiness
from bridge.observability.telemetry import Telemetry
from bridge.settings.settings import load


class Spooled(Struct):
    """A spool folder."""

    records: int
    bytes: int
    oldest_ms: int
    unavailable_reason: str = ""


def test_records_that_other_processes_left_behind_are_shown_as_waiting() -> None:
    own = Spooled(0, 10, 0, "disk full")
    left_behind = [Spooled(3, 300, 2_000), Spooled(4, 400, 1_000, "not this one's")]
    view = ProcessView(
        settings=load(None, {}),
        telemetry=Telemetry(),
        spools=lambda: [own, *left_behind],
        readiness=lambda: Readiness(ready=True),
    )
    shown = view.process_report().spool
    assert (shown.records, shown.left_behind_records, shown.bytes) == (7, 7, 710)
    assert shown.problem == "disk full"
    assert shown.oldest_age_s > 1_000_000
