"""Text for a terminal: without the configured secrets, without control characters."""

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from bridge.core.printable import printable

if TYPE_CHECKING:
    from bridge.observability.masking import Mask
    from bridge.settings.settings import Settings

# One command is one context: its output is masked with the settings that it loaded.
_MASK: ContextVar["Mask | None"] = ContextVar("mask", default=None)


def mask_secrets_of(settings: "Settings", *extra_secrets: str) -> "Mask":
    """Mask these settings' secrets, and ``extra_secrets``, from now on."""
    from bridge.observability.masking import mask_for  # noqa: PLC0415 - what loads no settings starts without it

    made = mask_for(settings, *extra_secrets)
    _MASK.set(made)
    return made


def mask_secrets(*secrets: str) -> None:
    """Mask these from now on, where a command loads no settings."""
    from bridge.observability.masking import Mask  # noqa: PLC0415 - as above

    _MASK.set(Mask(secrets))


def mask_nested(value: Any) -> Any:  # noqa: ANN401 - whatever a log line holds
    """Return a value with every text in it masked; for the log of a command."""
    mask = _MASK.get()
    return value if mask is None else mask.mask_nested(value)


def mask_text(text: str) -> str:
    """Return the text without secrets."""
    mask = _MASK.get()
    return text if mask is None else mask(text)


def safe_text(text: str, *, multiline: bool = False) -> str:
    """Return the text without secrets and control characters: no outside text may control a terminal."""
    return printable(mask_text(text), multiline=multiline)
