# ruff: noqa: INP001 - a tool beside its data, no package
"""Generates what a type checker knows of the event types: `bridge/consumer/payloads.py` and `overloads.py`.

python schemas/gen_consumer_types.py            write them
python schemas/gen_consumer_types.py --check    fail if they are out of date
"""

import sys
from pathlib import Path

from bridge.core.catalogue import EVENT_TYPES

ROOT = Path(__file__).resolve().parent.parent
CONSUMER = ROOT / "bridge" / "consumer"
GENERATED_BY = "Generated: edit `schemas/gen_consumer_types.py` instead."

PAYLOADS = '''"""The payload of each event type, by the type's name. {generated_by}

    from bridge.consumer.payloads import TranscodeComplete

`bridge.core.payloads` has all structs, by the vendor's names; several types may share one.
"""

from typing import Literal

{imports}

EventType = Literal[
{literals}
]
"""The name of a type of the catalogue."""

__all__ = [
    "EventType",
{names}
]
'''

OVERLOADS = '''"""What `subscribe` and `Consumer.on` give for each type, for type checkers. {generated_by}"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NewType, TypeVar, Unpack, overload

from bridge.consumer import payloads as vod
from bridge.consumer.event import Event
from bridge.consumer.options import Options
from bridge.consumer.payloads import EventType
from bridge.consumer.subscription import Subscription, open_subscription

UnlistedType = NewType("UnlistedType", str)
"""For type checkers, the name of a type that the catalogue does not know: ``UnlistedType("NewOne")``."""

OtherTypes = Literal["<other>"]
AnyType = EventType | OtherTypes | UnlistedType
P = TypeVar("P")
Handler = Callable[[Event[P]], Awaitable[object]]
"""What is called with each event of a type."""

Register = Callable[[Handler[P]], Handler[P]]
"""The decorator of a handler."""


{subscribe}
@overload
def subscribe(*types: AnyType, group: str, **options: Unpack[Options]) -> Subscription[Any]: ...
def subscribe(*types: str, group: str, **options: Unpack[Options]) -> Subscription[Any]:
    """Read the events of these types for a group, at least once.

    ::

        async for event in subscribe("TranscodeComplete", group="catalogue", bootstrap_servers="kafka:9092"):
            ...

    An event is done when the next one is asked for; an exception in the body, or leaving the loop by
    ``break``, leaves the last one undone, and it is delivered again. To end cleanly, use it with ``async
    with`` (its end without an exception counts the last event as done, commits and leaves the group), or call
    `Subscription.stop`: the loop then ends by itself after the current event.

    A body may take up to ``max_poll_interval_ms`` (5 min) for one event; it must not block the event loop.

    ``types`` are names of `TYPES`; another name (an `UnlistedType`) is read from the topic for others (and
    from its own topic, once there is one), as plain data; `OTHER` is whatever stands on the topic for others.
    With one type the payload is of its struct where ``event.typed``. ``options`` are explained at `Options`.
    Raises ValueError for options that cannot be; `KafkaUnreachableError` at the start; while reading
    `UnreadableRecordError`, and aiokafka's errors, such as no permission.
    """
    return open_subscription(types, group, options)


class HandlerRegistry:
    """The handlers of a `Consumer`, by type."""

    def _register(self, types: tuple[str, ...]) -> Register[Any]:
        raise NotImplementedError

{on}
    @overload
    def on(self, *types: AnyType) -> Register[Any]: ...
    def on(self, *types: str) -> Register[Any]:
        """Register the decorated function for these types; `OTHER` is those of no known type.

        A type has one handler: ValueError for a second one, or where no type is named.
        """
        return self._register(types)
'''

SUBSCRIBE = """@overload
def subscribe(
    event_type: Literal["{name}"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.{name}]: ...
"""
ON = """    @overload
    def on(self, event_type: Literal["{name}"], /) -> Register[vod.{name}]: ...
"""


def modules() -> dict[str, str]:
    """Return the text of each generated module, by file name."""
    rows = sorted(EVENT_TYPES, key=lambda row: row.name)
    names = [row.name for row in rows]
    imports = [
        f"from bridge.core.payloads import {struct} as {name}"
        if struct != name
        else f"from bridge.core.payloads import {name}"
        for struct, name in sorted((row.struct.__name__, row.name) for row in rows)
    ]
    payloads = PAYLOADS.format(
        generated_by=GENERATED_BY,
        imports="\n".join(imports),
        literals="\n".join(f'    "{name}",' for name in names),
        names="\n".join(f'    "{name}",' for name in names),
    )
    overloads = OVERLOADS.format(
        generated_by=GENERATED_BY,
        subscribe="".join(SUBSCRIBE.format(name=name) for name in names).rstrip("\n"),
        on="".join(ON.format(name=name) for name in names).rstrip("\n"),
    )
    return {"payloads.py": payloads, "overloads.py": overloads}


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them; return the exit code."""
    stale = 0
    for name, text in modules().items():
        path = CONSUMER / name
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.stderr.write(
                f"{path.relative_to(ROOT)} is not what schemas/gen_consumer_types.py writes: run it\n"
            )
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
