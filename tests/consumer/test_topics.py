"""Which topics are read for the types that are subscribed to."""

import re

import pytest

from bridge.consumer import OTHER, TYPES
from bridge.consumer.event import read
from bridge.consumer.options import config_from
from bridge.consumer.topics import build_topic_filter, unknown_types
from bridge.core.record import Routing
from tests.consumer.records import consumed, record_of, transcoded

EXISTING_TOPICS = [*Routing().topics(["default"]), "vod.Novelty", "vodxClipComplete", "vod.ClipComplete.old"]


def _topics_read(*types: str, topic: str = "vod.{type}", apps: tuple[str, ...] = ()) -> set[str]:
    topic_filter = build_topic_filter(types, topic, "vod.other", apps)
    existing = [*EXISTING_TOPICS, "vod.my-shop.ClipComplete", "vod.x.ClipComplete", "everything"]
    return {name for name in existing if re.match(topic_filter.pattern, name)}


def test_a_known_type_is_read_from_its_own_topic() -> None:
    assert _topics_read("ClipComplete") == {"vod.ClipComplete"}


def test_another_spelling_of_a_type_is_that_type() -> None:
    assert _topics_read("RemoveWatermarkComplete") == {"vod.RemoveWatermark"}


def test_an_unknown_type_is_read_from_the_others_and_from_the_topic_it_may_get() -> None:
    assert _topics_read("Novelty") == {"vod.other", "vod.Novelty"}


def test_others_are_read_from_the_topic_for_others() -> None:
    assert _topics_read(OTHER) == {"vod.other"}
    assert _topics_read(*TYPES, OTHER) == {*Routing().topics(["default"])} - {"vod.dead-letter"}


def test_a_template_with_applications_is_read_for_all_of_them_or_for_those_named() -> None:
    template = "vod.{app}.{type}"
    assert _topics_read("ClipComplete", topic=template) == {"vod.my-shop.ClipComplete", "vod.x.ClipComplete"}
    assert _topics_read("ClipComplete", topic=template, apps=("x",)) == {"vod.x.ClipComplete"}


def test_only_events_of_the_applications_that_are_named_are_wanted() -> None:
    event = read(consumed(record_of(transcoded("t", "f"))))
    assert event.app == "my-shop"
    for apps, wanted in (([], True), (["x", "my-shop"], True), (["x"], False)):
        assert (
            build_topic_filter(["TranscodeComplete"], "vod.{type}", "vod.other", apps).matches(event)
            is wanted
        )


def test_a_template_without_the_type_is_one_topic() -> None:
    assert _topics_read("ClipComplete", topic="everything") == {"everything"}


def test_topics_that_are_not_there_yet_are_named() -> None:
    topic_filter = build_topic_filter(["ClipComplete", "Novelty"], "vod.{app}.{type}", "vod.other")
    assert topic_filter.missing(["vod.x.ClipComplete"]) == ["vod.other"]
    assert topic_filter.missing(["vod.other"]) == ["vod.{app}.ClipComplete"]


def test_a_typing_error_is_named_with_the_nearest_type() -> None:
    assert unknown_types(["TranscodeCompleted", "ClipComplete", OTHER, "Xyz"]) == {
        "TranscodeCompleted": "TranscodeComplete",
        "Xyz": "",
    }


def test_no_type_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one type"):
        build_topic_filter([], "vod.{type}", "vod.other")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"group": ""}, "group is empty"),
        ({"group": "g", "start": "middle"}, "start is 'middle'"),
        ({"group": "g", "attempts": 0}, "attempts is 0"),
        ({"group": "g", "apps": "my-shop"}, "apps is 'my-shop'; it must be several names"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        config_from(str(options.pop("group")), options)


def test_security_goes_to_the_consumer_and_to_the_producer_of_dead_letters() -> None:
    config = config_from("g", {"security_protocol": "SSL", "fetch_max_bytes": 1, "attempts": 2})
    assert config.attempts == 2
    assert config.consumer_options.items() >= {"security_protocol": "SSL", "fetch_max_bytes": 1}.items()
    assert config.producer_options["security_protocol"] == "SSL"
    assert "fetch_max_bytes" not in config.producer_options
