"""Making topics on a cluster that does not allow every value: it gets the most that it allows, and says so.

Managed clusters cap ``max.message.bytes`` or the retention, or refuse to have a setting named. What a cluster
allows is found by asking it (``validate_only``, nothing is made), never by reading its words.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from bridge.cli.kafka import NewTopic, Refusal

# What may be given up, in this order, and what that means for whoever relies on it.
_MEANINGS = {
    "max.message.bytes": "a larger event cannot be published: it becomes a dead letter, reason too_large",
    "retention.ms": "records are kept for that long; consumers must have read them by then",
    "min.insync.replicas": "the cluster's own value counts; below 2, one broker alone may acknowledge",
    "cleanup.policy": "the cluster's own value counts; `vod-bridge check` fails if that is compact",
}
_NEGOTIABLE = frozenset({"INVALID_CONFIG", "POLICY_VIOLATION"})
_NUMBERS = ("max.message.bytes", "retention.ms")

_YEARS_MS = 10 * 365 * 24 * 60 * 60 * 1000  # what is tried instead of an unlimited retention


class Ask(Protocol):
    """Asks the cluster to make topics, or only whether it would; gives the refusal of each, None: it does."""

    async def __call__(
        self, topics: Sequence[NewTopic], *, validate_only: bool
    ) -> Mapping[str, Refusal | None]:
        """Ask it. Raises what the connection raises."""


class Creation(Struct, frozen=True, kw_only=True):
    """What became of it: the refusal of each topic that was not made, and a line for each value given up."""

    refused: Mapping[str, Refusal]
    concessions: Sequence[str]


async def create_as_allowed(wanted: Sequence[NewTopic], ask: Ask) -> Creation:
    """Make ``wanted``, with lesser settings where the cluster refuses theirs. Raises what ``ask`` raises."""
    refused = {name: why for name, why in (await ask(wanted, validate_only=False)).items() if why}
    concessions: dict[str, None] = {}
    again = []
    kinds: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
    for topic in wanted:
        if topic.name not in refused or refused[topic.name].code not in _NEGOTIABLE:
            continue
        kind = tuple(topic.settings.items())
        if kind not in kinds:
            kinds[kind] = await _allowed(topic, ask)
        allowed = kinds[kind]
        concessions |= dict.fromkeys(_concessions(topic.settings, allowed))
        again.append(replace(topic, settings=allowed))
    if again:
        outcomes = {**refused, **await ask(again, validate_only=False)}
        refused = {name: why for name, why in outcomes.items() if why}
    return Creation(refused=refused, concessions=list(concessions))


async def _allowed(topic: NewTopic, ask: Ask) -> Mapping[str, str]:
    """Find the settings nearest to a topic's that the cluster takes; its own where it takes none of them."""

    async def takes(settings: Mapping[str, str]) -> bool:
        asked = replace(topic, settings=settings)
        return (await ask([asked], validate_only=True))[topic.name] is None

    # Give up one after the other until it is taken, then take back what was not the reason.
    settings = dict(topic.settings)
    given_up = []
    for name in _MEANINGS:
        if name in settings:
            given_up.append(name)
            del settings[name]
            if await takes(settings):
                break
    for name in given_up[:-1]:
        if await takes({**settings, name: topic.settings[name]}):
            settings[name] = topic.settings[name]
    for name in _NUMBERS:
        if name in topic.settings and name not in settings:
            most = await _most(name, int(topic.settings[name]), settings, takes)
            if most:
                settings[name] = str(most)
    return {name: settings[name] for name in topic.settings if name in settings}


async def _most(
    name: str, wanted: int, settings: Mapping[str, str], takes: Callable[[Mapping[str, str]], Awaitable[bool]]
) -> int:
    """Find by bisection the largest value that is taken; 0 where none is (the setting may not be named)."""
    least, most = 0, wanted if wanted > 0 else _YEARS_MS
    while most - least > 1:
        middle = (least + most) // 2
        if await takes({**settings, name: str(middle)}):
            least = middle
        else:
            most = middle
    return least


def _concessions(wanted: Mapping[str, str], allowed: Mapping[str, str]) -> Sequence[str]:
    return [
        f"{name}={allowed[name]} instead of {value}, the most that this cluster allows: {_MEANINGS[name]}"
        if name in allowed
        else f"{name}={value} is refused by this cluster: {_MEANINGS[name]}"
        for name, value in wanted.items()
        if allowed.get(name) != value
    ]
