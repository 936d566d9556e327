"""The settings in force, for a person to read: each with its value and its origin, secrets masked."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pydantic import BaseModel, SecretStr

from bridge.settings.errors import SettingNamer, env_name, mask_url

_MASK = "****"


class SettingInForce(NamedTuple):
    """One setting. ``origin``: ``environment``, the configuration file's path, or ``default``.

    ``value`` is text; of a secret it is a mask, or empty where none is set.
    """

    name: str
    value: str
    origin: str


def settings_in_force(settings: BaseModel, names: SettingNamer) -> list[SettingInForce]:
    """Return every setting of all sections, in their order."""
    return [
        SettingInForce(env_name(location), _text(value), names.origin_of(location))
        for location, value in _leaves(settings, ())
    ]


def _leaves(value: object, location: tuple[str, ...]) -> Iterator[tuple[Sequence[str], object]]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _leaves(getattr(value, name), (*location, name))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*location, name))
    else:
        yield location, value


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return _MASK if value.get_secret_value() else ""
    if isinstance(value, list | tuple):
        return ", ".join(_text(one) for one in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else mask_url(str(value)) if "://" in str(value) else str(value)
