"""Events as the bridge publishes them, made by its core from the example notifications of the package."""

from importlib.resources import files
from time import time
from typing import Any

import msgspec

from bridge.consumer.event import Event, decode
from bridge.consumer.payloads import EventType
from bridge.core.application import Application
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DedupStamp, Notification
from bridge.core.record import Routing, event_record

_EXAMPLES = files(__name__.partition(".")[0]).joinpath("samples", "3.0")


def example_types() -> list[str]:
    """Return the types of which there is an example: all of the catalogue."""
    return sorted(
        file.name.removesuffix(".json") for file in _EXAMPLES.iterdir() if file.name.endswith(".json")
    )


def example_event(event_type: EventType, *, app: str = "my-shop", **payload: Any) -> Event[Any]:  # noqa: ANN401 - any JSON value
    """Make an event of a type: an example notification of the vendor, as the bridge publishes it.

    ``payload`` are fields of the notification's payload that are set to other values, by the vendor's names:
    ``FileId="528"``, ``ErrCode=70000``. Id, key and outcome follow from them, as with a real one. Its
    ``time`` is now. Raises ValueError for a type without an example.
    """
    if event_type not in example_types():
        raise ValueError(
            f"there is no example of {event_type!r}; there is one of {', '.join(example_types())}"
        )
    body = msgspec.json.decode(_EXAMPLES.joinpath(f"{event_type}.json").read_bytes())
    next(member for member in body.values() if isinstance(member, dict)).update(payload)
    notification = Notification(
        application=Application(name=app), body=msgspec.json.encode(body), received_ms=int(time() * 1_000)
    )
    found = read_event(open_envelope(notification.body))
    record = event_record(found, DedupStamp(id=found.identity.key), notification, Routing())
    return decode(record.value, record.headers)
