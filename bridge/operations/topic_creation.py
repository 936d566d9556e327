"""Creates topics on a cluster that does not allow every setting, with the nearest values that it allows.

Managed clusters cap ``max.message.bytes`` or the retention, or refuse a setting altogether. What a cluster
allows is found with ``validate_only`` requests, which create nothing, never by parsing error messages.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from bridge.operations.kafka_admin import CreateFailure, NewTopic

# Settings that may be given up, in this order, and the consequence of each.
_CONSEQUENCES = {
    "max.message.bytes": "a larger event cannot be published: it becomes a dead letter, reason too_large",
    "retention.ms": "records are kept for that long; consumers must have read them by then",
    "min.insync.replicas": "the cluster's own value counts; below 2, one broker alone may acknowledge",
    "cleanup.policy": "the cluster's own value counts; `vod-bridge check` fails if that is compact",
}
_NEGOTIABLE_CODES = frozenset({"INVALID_CONFIG", "POLICY_VIOLATION"})
_NUMERIC_SETTINGS = ("max.message.bytes", "retention.ms")

_RETENTION_MAX_MS = 10 * 365 * 24 * 60 * 60 * 1000  # tried in place of an unlimited retention


class CreateTopics(Protocol):
    """Creates topics, or only validates them; returns the failure of each, None for success."""

    async def __call__(
        self, topics: Sequence[NewTopic], *, validate_only: bool
    ) -> Mapping[str, CreateFailure | None]:
        """Send the request. Raises the errors of the connection."""


class CreationReport(Struct, frozen=True, kw_only=True):
    """The result: the failure of each topic that was not created, and a line for each value given up."""

    failures: Mapping[str, CreateFailure]
    concessions: Sequence[str]


async def create_with_fallbacks(wanted: Sequence[NewTopic], create: CreateTopics) -> CreationReport:
    """Create ``wanted``, with lesser settings where the cluster refuses. Raises what ``create`` raises."""
    failures = {
        name: failure for name, failure in (await create(wanted, validate_only=False)).items() if failure
    }
    concessions: dict[str, None] = {}
    retried = []
    allowed_by_values: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
    for topic in wanted:
        if topic.name not in failures or failures[topic.name].code not in _NEGOTIABLE_CODES:
            continue
        wanted_values = tuple(topic.settings.items())
        if wanted_values not in allowed_by_values:
            allowed_by_values[wanted_values] = await _find_allowed_settings(topic, create)
        allowed = allowed_by_values[wanted_values]
        concessions |= dict.fromkeys(_describe_concessions(topic.settings, allowed))
        retried.append(replace(topic, settings=allowed))
    if retried:
        outcomes = {**failures, **await create(retried, validate_only=False)}
        failures = {name: failure for name, failure in outcomes.items() if failure}
    return CreationReport(failures=failures, concessions=list(concessions))


async def _find_allowed_settings(topic: NewTopic, create: CreateTopics) -> Mapping[str, str]:
    """Find the nearest settings that the cluster accepts; the original ones where it accepts none."""

    async def is_accepted(settings: Mapping[str, str]) -> bool:
        candidate = replace(topic, settings=settings)
        return (await create([candidate], validate_only=True))[topic.name] is None

    # Give up one after the other until it is accepted, then restore those that were not the reason.
    settings = dict(topic.settings)
    dropped = []
    for name in _CONSEQUENCES:
        if name in settings:
            dropped.append(name)
            del settings[name]
            if await is_accepted(settings):
                break
    for name in dropped[:-1]:
        if await is_accepted({**settings, name: topic.settings[name]}):
            settings[name] = topic.settings[name]
    for name in _NUMERIC_SETTINGS:
        if name in topic.settings and name not in settings:
            largest = await _find_largest_value(name, int(topic.settings[name]), settings, is_accepted)
            if largest:
                settings[name] = str(largest)
    return {name: settings[name] for name in topic.settings if name in settings}


async def _find_largest_value(
    name: str,
    wanted: int,
    settings: Mapping[str, str],
    is_accepted: Callable[[Mapping[str, str]], Awaitable[bool]],
) -> int:
    """Find by bisection the largest accepted value; 0 where there is none (the setting itself is refused)."""
    smallest, largest = 0, wanted if wanted > 0 else _RETENTION_MAX_MS
    while largest - smallest > 1:
        middle = (smallest + largest) // 2
        if await is_accepted({**settings, name: str(middle)}):
            smallest = middle
        else:
            largest = middle
    return smallest


def _describe_concessions(wanted: Mapping[str, str], allowed: Mapping[str, str]) -> Sequence[str]:
    return [
        f"{name}={allowed[name]} instead of {value}, the most that this cluster allows: {_CONSEQUENCES[name]}"
        if name in allowed
        else f"{name}={value} is refused by this cluster: {_CONSEQUENCES[name]}"
        for name, value in wanted.items()
        if allowed.get(name) != value
    ]
