"""What a command writes of what it was told: without the configured secrets, without control characters."""

from contextvars import ContextVar
from typing import Any

from bridge.core.printable import printable
from bridge.masking import Mask, mask_of
from bridge.settings import Settings

# One command is one context; what it writes in many places is masked by the settings that it loaded.
_MASK: ContextVar[Mask] = ContextVar("mask", default=Mask())  # noqa: B039 - it holds nothing, and never changes


def mask_secrets_of(settings: Settings, *more: str) -> Mask:
    """From now on mask these settings' secrets, and ``more``."""
    made = mask_of(settings, *more)
    _MASK.set(made)
    return made


def mask_secrets(*secrets: str) -> None:
    """From now on mask these, where a command loads no settings."""
    _MASK.set(Mask(secrets))


def mask_inside(value: Any) -> Any:  # noqa: ANN401 - whatever a log line holds
    """Give a value with every text in it masked; for the log of a command."""
    return _MASK.get().inside(value)


def masked(text: str) -> str:
    """Give the text without secrets."""
    return _MASK.get()(text)


def plain(text: str, *, lines: bool = False) -> str:
    """Give it without secrets and control characters: nothing from outside may steer a terminal."""
    return printable(masked(text), lines=lines)
