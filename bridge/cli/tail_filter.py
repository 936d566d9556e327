"""The filter of ``vod-bridge tail``, its topics, and the check of unknown names."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec import Struct

from bridge.cli.support.exit import EXIT_USAGE, fail
from bridge.cli.support.render import ShownRecord
from bridge.core.catalogue import BY_NAME, EVENT_TYPES
from bridge.operations.kafka_admin import describe_cluster
from bridge.settings.settings import Settings
from bridge.wiring import build_routing

OTHER = "other"
"""Chooses, in place of a type, all that the catalogue does not know."""


class _Subject(Struct):
    file_id: str = ""
    task_id: str = ""


class RecordFilter(Struct, frozen=True, kw_only=True):
    """Which records match: any value within a member, and all members. An empty member matches everything."""

    types: Sequence[str] = ()
    apps: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    files: Sequence[str] = ()
    tasks: Sequence[str] = ()
    ids: Sequence[str] = ()
    topic_other: str = ""

    @property
    def is_for_events_only(self) -> bool:
        """Whether it filters by what a dead letter does not have: type, file, task or id."""
        return bool(self.types or self.files or self.tasks or self.ids)

    def matches(self, record: ShownRecord) -> bool:
        """Whether the record matches."""
        return (
            (not self.types or self._matches_type(record))
            and (not self.apps or record.app in self.apps)
            and (not self.outcomes or record.outcome in self.outcomes)
            and (not self.ids or record.headers.get("ce_id", "") in self.ids)
            and (not (self.files or self.tasks) or self._matches_subject(record.value))
        )

    def topics(self, settings: Settings) -> list[str]:
        """Return the topics that may have matching records."""
        routing = build_routing(settings)
        apps = self.apps or sorted(settings.applications())
        if not self.types:
            return routing.topics(apps)
        topics = {topic for name in self.types for topic in _topics_for(name, routing.topic, apps)}
        return sorted(topics | ({routing.topic_other} if OTHER in self.types else set()))

    def _matches_type(self, record: ShownRecord) -> bool:
        return record.type in self.types or (OTHER in self.types and record.topic == self.topic_other)

    def _matches_subject(self, value: bytes) -> bool:
        try:
            subject = msgspec.json.decode(value, type=_Subject)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # no event: a dead letter's bytes
            return False
        return (not self.files or subject.file_id in self.files) and (
            not self.tasks or subject.task_id in self.tasks
        )


def catalogue_name(name: str) -> str:
    """Return the catalogue's name of a type that the legacy format names differently."""
    return BY_NAME[name].name if name in BY_NAME else name


async def require_known_types(
    record_filter: RecordFilter, settings: Settings, options: Mapping[str, Any]
) -> None:
    """End the command where a type is neither in the catalogue nor has a topic of its own.

    A topic may exist for a type that only a newer release knows.
    """
    unknown = [name for name in record_filter.types if name not in BY_NAME and name != OTHER]
    if not unknown:
        return
    template, apps = settings.kafka.topic, record_filter.apps or list(settings.applications())
    existing = (await describe_cluster(options)).topics
    known = [*(row.name for row in EVENT_TYPES), OTHER]
    for name in unknown:
        if existing.keys().isdisjoint(_topics_for(name, template, apps)):
            fail(
                f"--type {name}: there is no such type{_suggestion(name, known)}"
                f" `vod-bridge schemas` lists them; --type {OTHER} shows what the catalogue does not know",
                EXIT_USAGE,
            )


def require_known_apps(record_filter: RecordFilter, settings: Settings) -> list[str]:
    """End the command where an application is not configured.

    Where none is configured this cannot be verified: those applications are returned.
    """
    unknown = [name for name in record_filter.apps if name not in settings.applications()]
    if unknown and settings.apps:
        fail(
            f"--app {unknown[0]}: no such application is configured{_suggestion(unknown[0], settings.apps)}"
            f" Configured: {', '.join(sorted(settings.apps))}",
            EXIT_USAGE,
        )
    return unknown


def _topics_for(name: str, template: str, apps: Iterable[str]) -> set[str]:
    if name == OTHER or (name not in BY_NAME and "{type}" not in template):
        return set()  # no topics by type: an unknown type is on the topic for others
    return {template.replace("{type}", name).replace("{app}", app) for app in apps}


def _suggestion(name: str, known: Collection[str]) -> str:
    suggestions = get_close_matches(name, known, n=1)
    return f"; did you mean {suggestions[0]}?" if suggestions else "."
