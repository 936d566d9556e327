"""Masks configured secrets in text: a server's error message may repeat what it was sent.

All text for logs, `check`, pages and terminals passes through here. Secrets are found by the types of the
settings, so that a new secret setting is covered without a change here.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import BaseModel, SecretStr

from bridge.core.printable import printable
from bridge.settings.secret_files import clean_secret

MASK = "****"

# Shorter secrets occur in any text by chance; a warning at the start names them.
_LENGTH_MIN = 4
# Servers truncate what they repeat: a prefix of this length is masked too, with the part that follows it.
_PREFIX_LENGTH = 8
_PREVIOUS_SECRETS_MAX = 32  # former values of a file, which connections may still use
_SECRET_QUERY_OPTIONS = frozenset({"password", "ssl_password"})
_CREDENTIAL_FILES = ("secret_id", "secret_key", "token")

FileStamp = tuple[int, int, int]


class Mask:
    """Masks ``secrets`` in text, and the contents of ``files``, which are read again when they change."""

    def __init__(self, secrets: Collection[str] = (), files: Collection[Path] = ()) -> None:
        self._configured_secrets = tuple(dict.fromkeys(secrets))
        self._file_stamps: dict[Path, FileStamp] = dict.fromkeys(files, (0, 0, 0))
        self._file_secrets: list[str] = []
        self._patterns = _patterns_of(self._configured_secrets)

    def __call__(self, text: str) -> str:
        """Return ``text`` with every secret replaced by `MASK`."""
        self._reload_changed()
        for secret_spelling, _ in self._patterns:  # whole secrets first: two may have the same prefix
            if secret_spelling in text:
                text = text.replace(secret_spelling, MASK)
        for secret_spelling, prefix in self._patterns:
            if prefix in text:
                text = _mask_prefixes(text, secret_spelling, prefix)
        return text

    def mask_line(self, text: str) -> str:
        """Return ``text`` masked, without control characters, on one line."""
        return printable(self(text))

    def mask_nested(self, value: Any) -> Any:  # noqa: ANN401 - any value of a log line or a finding
        """Return ``value`` with every text in it masked, through nested lists and dictionaries."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {key: self.mask_nested(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.mask_nested(inner) for inner in value]
        if isinstance(value, BaseException | bytes):
            return self(repr(value))
        return value

    def _reload_changed(self) -> None:
        changed = False
        for path, seen in self._file_stamps.items():
            stamp = _file_stamp(path)
            if stamp != seen:
                self._file_stamps[path], changed = stamp, True
                self._file_secrets = [*self._file_secrets, *_secrets_in_file(path)][-_PREVIOUS_SECRETS_MAX:]
        if changed:
            self._patterns = _patterns_of((*self._configured_secrets, *self._file_secrets))


def mask_for(settings: BaseModel, *more: str) -> Mask:
    """Return a mask for every secret of the settings (by type, in URLs, in files they name), and ``more``."""
    secrets = [*more]
    files: list[Path] = []
    for name, value in _leaves(settings):
        if isinstance(value, SecretStr):
            secrets.append(value.get_secret_value())
        elif isinstance(value, Path):
            if name.endswith("_file"):
                files.append(value)
            elif name == "credentials_dir":
                files += [value / inner for inner in _CREDENTIAL_FILES]
        elif isinstance(value, str) and "://" in value:
            secrets += url_secrets(value)
    return Mask(secrets, files)


def header_secrets(environment: Mapping[str, str]) -> list[str]:
    """Return the header values of OpenTelemetry's exporter, from its standard environment variables."""
    pairs = [
        pair.partition("=")[2].strip()
        for name, given in environment.items()
        if name.startswith("OTEL_EXPORTER_OTLP_") and name.endswith("HEADERS")
        for pair in given.split(",")
    ]
    return [each for pair in pairs if pair for each in (pair, unquote(pair))]


def url_secrets(url: str) -> list[str]:
    """Return the secrets in a URL: login and secret options, percent-encoded and decoded."""
    rest = url.partition("://")[2]
    login = rest.rpartition("@")[0]
    try:
        query = urlsplit(url).query
    except ValueError:
        query = rest.partition("?")[2]
    found = [login.partition(":")[2], login]
    found += [value for name, value in parse_qsl(query) if name in _SECRET_QUERY_OPTIONS]
    return [each for secret in found if secret for each in (secret, unquote(secret))]


def _leaves(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, BaseModel):
        for field in type(value).model_fields:
            yield from _leaves(getattr(value, field), field)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner, name)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, name)
    else:
        yield name, value


def _patterns_of(secrets: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return (spelling, prefix) for each secret in every encoding that may occur, the longest first."""
    spellings = {
        spelling
        for secret in secrets
        if len(secret) >= _LENGTH_MIN
        for spelling in (
            secret,
            quote(secret, safe=""),
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            repr(secret)[1:-1],
        )
    }
    return tuple(
        (one, one[:_PREFIX_LENGTH]) for one in sorted(spellings, key=lambda each: (-len(each), each))
    )


def _mask_prefixes(text: str, secret_spelling: str, prefix: str) -> str:
    parts, at = [], 0
    while (found := text.find(prefix, at)) >= 0:
        end = found + len(prefix)
        while (
            end < len(text)
            and end - found < len(secret_spelling)
            and text[end] == secret_spelling[end - found]
        ):
            end += 1
        parts += [text[at:found], MASK]
        at = end
    return "".join([*parts, text[at:]])


def _file_stamp(path: Path) -> FileStamp:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_ino, found.st_size


def _secrets_in_file(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return [each for each in dict.fromkeys((clean_secret(text), text.rstrip("\r\n"))) if each]
