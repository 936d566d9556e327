"""Making topics on a cluster that does not allow every value: it gets the most that it allows, and says so.

Managed clusters cap ``max.message.bytes`` or the retention, or refuse to have a setting named. What a cluster
allows is found by asking it (``validate_only``, nothing is made), never by reading its words.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from bridge.cli.support.kafka_admin import CreateFailure, NewTopic

# What may be given up, in this order, and what that means for whoever relies on it.
_CONSEQUENCES = {
    "max.message.bytes": "a larger event cannot be published: it becomes a dead letter, reason too_large",
    "retention.ms": "records are kept for that long; consumers must have read them by then",
    "min.insync.replicas": "the cluster's own value counts; below 2, one broker alone may acknowledge",
    "cleanup.policy": "the cluster's own value counts; `vod-bridge check` fails if that is compact",
}
_NEGOTIABLE_CODES = frozenset({"INVALID_CONFIG", "POLICY_VIOLATION"})
_NUMERIC_SETTINGS = ("max.message.bytes", "retention.ms")

_RETENTION_MAX_MS = 10 * 365 * 24 * 60 * 60 * 1000  # what is tried instead of an unlimited retention


class CreateTopics(Protocol):
    """Asks the cluster to make topics, or only whether it would; gives the refusal of each, None: it does."""

    async def __call__(
        self, topics: Sequence[NewTopic], *, validate_only: bool
    ) -> Mapping[str, CreateFailure | None]:
        """Ask it. Raises what the connection raises."""


class CreationReport(Struct, frozen=True, kw_only=True):
    """What became of it: the refusal of each topic that was not made, and a line for each value given up."""

    failures: Mapping[str, CreateFailure]
    concessions: Sequence[str]


async def create_with_fallbacks(wanted: Sequence[NewTopic], create: CreateTopics) -> CreationReport:
    """Make ``wanted``, with lesser settings where the cluster refuses theirs. Raises what ``ask`` raises."""
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
    """Find the settings nearest to a topic's that the cluster takes; its own where it takes none of them."""

    async def is_accepted(settings: Mapping[str, str]) -> bool:
        candidate = replace(topic, settings=settings)
        return (await create([candidate], validate_only=True))[topic.name] is None

    # Give up one after the other until it is taken, then take back what was not the reason.
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
    """Find by bisection the largest value that is taken; 0 where none is (the setting may not be named)."""
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
