"""The one place that takes configured secrets out of text: a server may repeat what it was sent.

Whatever goes to a log, to `check`, to a page or a terminal passes here. Secrets are found by the settings'
own types, so that a new one is covered by itself.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import BaseModel, SecretStr

from bridge.core.printable import printable
from bridge.settings.secret_files import cleaned

MASK = "****"

# Shorter ones stand in any text; they are warned of at the start.
_SHORTEST = 4
# Servers cut what they repeat: so much of a secret's beginning is masked as well, and what follows of it.
_BEGINNING = 8
_KEPT = 32  # values of a file that were valid before, for what is still under way
_IN_QUERY = frozenset({"password", "ssl_password"})
_IN_FOLDER = ("secret_id", "secret_key", "token")

Stamp = tuple[int, int, int]


class Mask:
    """Takes ``secrets`` out of text, and what ``files`` hold, which are read again when they change."""

    def __init__(self, secrets: Collection[str] = (), files: Collection[Path] = ()) -> None:
        self._fixed = tuple(dict.fromkeys(secrets))
        self._seen: dict[Path, Stamp] = dict.fromkeys(files, (0, 0, 0))
        self._read: list[str] = []
        self._needles = _needles(self._fixed)

    def __call__(self, text: str) -> str:
        """Give ``text`` without the secrets."""
        self._look()
        for needle, _ in self._needles:  # all that is whole first: secrets may begin alike
            if needle in text:
                text = text.replace(needle, MASK)
        for needle, beginning in self._needles:
            if beginning in text:
                text = _without(text, needle, beginning)
        return text

    def plain(self, text: str) -> str:
        """Give it without secrets and without control characters, on one line."""
        return printable(self(text))

    def inside(self, value: Any) -> Any:  # noqa: ANN401 - whatever a log line or a finding holds
        """Give a value with every text in it masked, as deep as lists and dictionaries go."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {key: self.inside(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.inside(inner) for inner in value]
        if isinstance(value, BaseException | bytes):
            return self(repr(value))
        return value

    def _look(self) -> None:
        changed = False
        for path, seen in self._seen.items():
            stamp = _stamp(path)
            if stamp != seen:
                self._seen[path], changed = stamp, True
                self._read = [*self._read, *_content(path)][-_KEPT:]
        if changed:
            self._needles = _needles((*self._fixed, *self._read))


def mask_of(settings: BaseModel, *more: str) -> Mask:
    """Find every secret of the settings (by type, in URLs, and in the files that they name), and ``more``."""
    secrets = [*more]
    files: list[Path] = []
    for name, value in _leaves(settings):
        if isinstance(value, SecretStr):
            secrets.append(value.get_secret_value())
        elif isinstance(value, Path):
            if name.endswith("_file"):
                files.append(value)
            elif name == "credentials_dir":
                files += [value / inner for inner in _IN_FOLDER]
        elif isinstance(value, str) and "://" in value:
            secrets += url_secrets(value)
    return Mask(secrets, files)


def header_secrets(environment: Mapping[str, str]) -> list[str]:
    """Give the values of the headers that OpenTelemetry's exporter sends, by its standard variables."""
    pairs = [
        pair.partition("=")[2].strip()
        for name, given in environment.items()
        if name.startswith("OTEL_EXPORTER_OTLP_") and name.endswith("HEADERS")
        for pair in given.split(",")
    ]
    return [each for pair in pairs if pair for each in (pair, unquote(pair))]


def url_secrets(url: str) -> list[str]:
    """Give what is secret in a URL, as it is written and as it is meant."""
    rest = url.partition("://")[2]
    login = rest.rpartition("@")[0]
    try:
        query = urlsplit(url).query
    except ValueError:
        query = rest.partition("?")[2]
    found = [login.partition(":")[2], login]
    found += [value for name, value in parse_qsl(query) if name in _IN_QUERY]
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


def _needles(secrets: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Give each secret in every spelling, with the beginning that it is known by; the longest first."""
    spelled = {
        spelling
        for secret in secrets
        if len(secret) >= _SHORTEST
        for spelling in (
            secret,
            quote(secret, safe=""),
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            repr(secret)[1:-1],
        )
    }
    return tuple((one, one[:_BEGINNING]) for one in sorted(spelled, key=lambda each: (-len(each), each)))


def _without(text: str, needle: str, beginning: str) -> str:
    parts, at = [], 0
    while (found := text.find(beginning, at)) >= 0:
        end = found + len(beginning)
        while end < len(text) and end - found < len(needle) and text[end] == needle[end - found]:
            end += 1
        parts += [text[at:found], MASK]
        at = end
    return "".join([*parts, text[at:]])


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_ino, found.st_size


def _content(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return [each for each in dict.fromkeys((cleaned(text), text.rstrip("\r\n"))) if each]
