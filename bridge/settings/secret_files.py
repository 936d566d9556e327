"""Reads secrets from files, to which editors, shells and Secret manifests add white space.

Removed silently: a byte order mark, line ends and blanks at both ends. Refused: quotes around the value,
several lines, an empty file, bytes that are not UTF-8.
"""

from errno import EILSEQ
from pathlib import Path

_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb"}
_BLANKS = "\ufeff\u200b\u00a0 \t\r\n\v\f\x00"
_MAX_BYTES = 1024 * 1024


class SecretFileError(ValueError):
    """A file holds no valid secret. The text gives the reason and shows nothing of the content."""


def read_secret(path: Path, *, lines: bool = False) -> str:
    """Read a secret; with ``lines`` it may have several. Raises OSError and `SecretFileError`."""
    if path.stat().st_size > _MAX_BYTES:
        raise SecretFileError("is too large for a secret")
    try:
        text = clean_secret(path.read_text("utf-8"))
    except UnicodeDecodeError:
        raise SecretFileError("cannot be read: not UTF-8 text") from None
    if not text:
        raise SecretFileError("holds nothing")
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        raise SecretFileError("has quotes around it: write the bare value")
    if "\x00" in text:
        raise SecretFileError("cannot be read: not UTF-8 text (it may be UTF-16)")
    if not lines and ("\n" in text or "\r" in text):
        raise SecretFileError("has several lines, and must have one")
    return text


def reread_secret(path: Path) -> str:
    """Read a secret for a new connection. Raises only OSError: client libraries take it for a link error."""
    try:
        return clean_secret(path.read_text("utf-8"))
    except UnicodeDecodeError:  # whose own text would show some of it
        raise OSError(EILSEQ, "no UTF-8 text", str(path)) from None


def clean_secret(text: str) -> str:
    """Return ``text`` without byte order mark, line ends and blanks at both ends."""
    return text.strip(_BLANKS)
