"""The recent deliveries: what is kept, for how long, and that no sender makes it grow."""

import sys
from ipaddress import ip_network

import pytest

from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult
from bridge.io.http.rejection_log import RejectionLog
from bridge.io.http.routing import CallbackRouter
from bridge.observability.recent_deliveries import (
    DELIVERIES_MAX,
    REFUSED_MAX,
    DeliveryFilter,
    RecentDeliveries,
)
from bridge.observability.telemetry import Telemetry
from tests.observability.test_telemetry import EVENT, PUBLISHED, PUSH

NOW_MS = 1_763_700_000_000


def add(recent: RecentDeliveries, number: int, *, app: str = "shop", at_ms: int = NOW_MS) -> None:
    for at in range(number):
        notification = Notification(application=Application(name=app), body=b"", received_ms=at_ms)
        recent.add_delivery(notification, PUBLISHED, at / 1000, (str(at), ""))


def test_a_delivery_is_kept_with_what_names_it() -> None:
    counted = Telemetry(types=["NewFileUpload"], apps=["shop"])
    counted.record_delivery(PUSH, PUBLISHED, EVENT, 0.0034)
    (kept,) = counted.recent.since().summaries
    assert (kept.application, kept.mode, kept.type, kept.outcome) == (
        "shop",
        "push",
        "NewFileUpload",
        "published",
    )
    assert (kept.file_id, kept.event_id, kept.topic) == ("1", "NewFileUpload:1", "vod.NewFileUpload")
    assert (kept.time, kept.duration_ms) == ("1970-01-01T00:00:00.000Z", 3.4)


def test_the_last_thousand_are_kept_and_a_slow_reader_gets_the_number_it_missed() -> None:
    recent = RecentDeliveries()
    add(recent, 10)
    seen = recent.since()
    add(recent, DELIVERIES_MAX + 7)
    later = recent.since(seen.last_number)
    assert (len(later.summaries), later.left_out) == (DELIVERIES_MAX, 7)
    assert recent.since(later.last_number).summaries == []


def test_a_limit_leaves_the_newest_and_counts_the_missing() -> None:
    recent = RecentDeliveries()
    add(recent, 6)
    add(recent, 4, app="other")
    found = recent.since(limit=3, wanted=DeliveryFilter(application="shop"))
    assert ([one.file_id for one in found.summaries], found.left_out) == (["3", "4", "5"], 3)


def test_what_is_left_out_is_counted_the_same_with_a_filter_and_without() -> None:
    recent = RecentDeliveries()
    add(recent, DELIVERIES_MAX + 10)
    for _ in range(REFUSED_MAX + 5):
        recent.add_refused(NOW_MS, "shop", "not_found", "192.0.2.1", "")
    everything, of_shop = None, DeliveryFilter(application="shop")
    for number in (0, 1, 30, 900, DELIVERIES_MAX + 50, recent.last_number, recent.last_number + 7):
        plain, filtered = (recent.since(number, wanted, 100) for wanted in (everything, of_shop))
        assert (plain.summaries, plain.left_out) == (filtered.summaries, filtered.left_out), number


def test_refused_requests_do_not_push_deliveries_out() -> None:
    recent = RecentDeliveries()
    add(recent, 1)
    for _ in range(5 * DELIVERIES_MAX):
        recent.add_refused(NOW_MS, "", "not_found", "192.0.2.1", "")
    kept = recent.since(limit=10_000).summaries
    assert (len(kept), kept[0].outcome, kept[-1].outcome) == (1 + REFUSED_MAX, "published", "refused")
    assert [one.number for one in kept] == sorted(one.number for one in kept)


def test_a_refused_request_is_kept_with_its_reason_and_client_also_where_no_line_is_logged() -> None:
    counted = Telemetry(apps=["shop"])
    rejections = RejectionLog(
        counted.count_rejected_request,
        CallbackRouter([Application(name="shop")]),
        [ip_network("10.0.0.0/8")],
        lambda: 0.0,
        keep=counted.keep_refused,
    )
    for _ in range(3):
        rejections.record("not_found", "192.0.2.7", None)
    kept = counted.recent.since().summaries
    assert [(one.outcome, one.reason, one.client) for one in kept] == [
        ("refused", "not_found", "192.0.2.7")
    ] * 3


def test_a_wrong_signature_is_kept_once_with_its_client() -> None:
    counted = Telemetry(apps=["shop"])
    wrong = DeliveryResult(outcome=DeliveryOutcome.UNAUTHORIZED, reason="expired")
    counted.record_delivery(PUSH, wrong, None, 0.001)
    counted.keep_refused("unauthorized", "shop", "192.0.2.7", "expired")
    (kept,) = counted.recent.since().summaries
    assert (kept.outcome, kept.reason, kept.client) == ("unauthorized", "expired", "192.0.2.7")


def test_whatever_a_sender_writes_the_ring_stays_below_two_megabytes() -> None:
    recent = RecentDeliveries()
    long = "\U0001f600" * 100_000
    for at in range(DELIVERIES_MAX):
        result = DeliveryResult(
            outcome=DeliveryOutcome.REJECTED,
            event_id=f"{at}:" + "\U0001f600" * 250,
            event_type=long + str(at),
            reason="malformed",
            detail="\U0001f600" * 40 + str(at),
        )
        recent.add_delivery(PUSH, result, 0.1, (f"{at}" + long, long + f"{at}"))
    size = 0
    for entry in recent._deliveries:  # noqa: SLF001 - what it holds is the point
        size += sys.getsizeof(entry) + sys.getsizeof(entry[7])
        size += sum(sys.getsizeof(part) for part in (*entry[:7], entry[7].event_id, entry[7].event_type))
        size += sys.getsizeof(entry[7].detail)
    assert size < 2_000_000
    assert len(recent.since().summaries[0].event_id) == 64


def test_the_rate_is_over_the_last_minute_or_over_what_is_kept() -> None:
    recent = RecentDeliveries()
    assert recent.per_second(NOW_MS) == 0
    add(recent, 30, at_ms=NOW_MS - 30_000)
    add(recent, 50, at_ms=NOW_MS - 90_000)
    assert recent.per_second(NOW_MS) == 0.5
    add(recent, DELIVERIES_MAX, at_ms=NOW_MS - 2_000)
    assert recent.per_second(NOW_MS) == DELIVERIES_MAX / 2
    assert recent.durations_s()[-1] == 0.999


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (DeliveryFilter(), [1, 2, 3, 4]),
        (DeliveryFilter(application="shop"), [1, 3, 4]),
        (DeliveryFilter(outcome="published"), [1, 2]),
        (DeliveryFilter(outcome="refused"), [3]),
        (DeliveryFilter(outcome="unauthorized"), [4]),
        (DeliveryFilter(type="NewFileUpload"), [1, 2]),
        (DeliveryFilter(file_id="0", application="other"), [2]),
        (DeliveryFilter(task_id="none"), []),
    ],
)
def test_a_filter_lets_through_what_equals_all_its_members(
    wanted: DeliveryFilter, numbers: list[int]
) -> None:
    recent = RecentDeliveries()
    add(recent, 1)
    add(recent, 1, app="other")
    recent.add_refused(NOW_MS, "shop", "wrong_token", "192.0.2.1", "")
    recent.add_refused(NOW_MS, "shop", "unauthorized", "192.0.2.1", "expired")
    assert [one.number for one in recent.since(wanted=wanted).summaries] == numbers
