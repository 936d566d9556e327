"""Which topics hold the events that a consumer subscribes to, and which of their records match.

Topics are matched by a pattern: a topic that does not exist yet is read once it does, and none is created.
"""

import difflib
import re
from collections.abc import Collection, Iterable
from typing import Final, get_args

from msgspec import Struct

from bridge.consumer.event import Event
from bridge.consumer.payloads import EventType
from bridge.core.catalogue import BY_NAME
from bridge.core.group_dead_letter import ORIGINAL_TOPIC

OTHER: Final = "<other>"
"""Subscribes to every record on the topic of types that are not in the catalogue."""

TYPES: Final[tuple[EventType, ...]] = get_args(EventType)
"""Every type of the catalogue."""

_ANY_APP = "[a-z0-9]+(?:-[a-z0-9]+)*"


class TopicFilter(Struct, frozen=True, kw_only=True):
    """A pattern of topics, and the types wanted among their records.

    ``expected`` are patterns of topics that should exist, by a readable label. ``retry_topic`` is where dead
    letters of the group come back.
    """

    pattern: str
    types: frozenset[str]
    expected: dict[str, str]
    topic_other: str = ""
    includes_other: bool = False
    is_shared_topic: bool = False
    apps: frozenset[str] = frozenset()
    retry_topic: str = ""

    def matches(self, event: Event[object]) -> bool:
        """Whether the event is one that was subscribed to."""
        if self.apps and event.app not in self.apps:
            return False
        if event.type in self.types:
            return True
        if not self.includes_other or self._first_topic(event) != self.topic_other:
            return False
        return not self.is_shared_topic or event.type not in BY_NAME

    def _first_topic(self, event: Event[object]) -> str:
        """Return the topic that an event was on first."""
        is_redriven = event.topic == self.retry_topic
        return event.headers.get(ORIGINAL_TOPIC, "") if is_redriven else event.topic

    def missing(self, topics: Collection[str]) -> list[str]:
        """Name the expected topics that are not among these."""
        return [
            name
            for name, pattern in self.expected.items()
            if not any(re.fullmatch(pattern, topic) for topic in topics)
        ]


def build_topic_filter(
    types: Iterable[str],
    topic: str,
    topic_other: str,
    apps: Iterable[str] = (),
    *,
    retry_topic: str | None = None,
) -> TopicFilter:
    """Build the filter for these types. ``topic`` is the bridge's template of {type} and {app}.

    A type that the catalogue does not know is read from the topic for others, and from a topic of its own
    as well: that is where the bridge writes its events once it knows the type.
    """
    names = [BY_NAME[name].name if name in BY_NAME else name for name in types]
    if not names:
        raise ValueError("name at least one type; `*TYPES, OTHER` are all there are")
    named = [name for name in names if name != OTHER]
    known = [name for name in named if name in BY_NAME]
    expected = {_topic_label(topic, name): _topic_regex(topic, name, apps) for name in known}
    if len(named) < len(names) or len(known) < len(named):
        expected[topic_other] = re.escape(topic_other)
    retry = [re.escape(retry_topic)] if retry_topic else []
    patterns = dict.fromkeys(
        [*expected.values(), *(_topic_regex(topic, name, apps) for name in named), *retry]
    )
    return TopicFilter(
        pattern=f"^(?:{'|'.join(patterns)})$",
        types=frozenset(named),
        expected=expected,
        topic_other=topic_other,
        includes_other=OTHER in names,
        is_shared_topic=topic == topic_other,
        apps=frozenset(apps),
        retry_topic=retry_topic or "",
    )


def unknown_types(types: Iterable[str]) -> dict[str, str]:
    """Return the types that are not in the catalogue, each with the nearest known one, or ""."""
    unknown = [name for name in types if name not in BY_NAME and name != OTHER]
    return {name: next(iter(difflib.get_close_matches(name, TYPES, n=1)), "") for name in unknown}


def _topic_label(topic: str, name: str) -> str:
    return topic.replace("{type}", name)


def _topic_regex(topic: str, name: str, apps: Iterable[str]) -> str:
    app_names = "|".join(re.escape(app) for app in apps)
    app = f"(?:{app_names})" if app_names else _ANY_APP
    return re.escape(topic).replace(r"\{type\}", re.escape(name)).replace(r"\{app\}", app)
