"""Which application a callback's address is of: its path, with the application's token where it has one."""

from collections.abc import Iterable
from hashlib import blake2b
from hmac import compare_digest
from re import compile as pattern
from typing import Literal
from urllib.parse import unquote

from msgspec import Struct

from bridge.core.application import Application

Unknown = Literal["not_found", "unknown_application", "wrong_token", "missing_token", "unexpected_token"]
"""Why an address is nobody's. To who asks they are the same."""

# Of /callbacks, /callbacks/{app}, /callbacks/{app}/{token}, cut at each "/", without what is empty.
_ROOT = "callbacks"
_NAME, _TOKEN, _END = 1, 2, 3
_DEFAULT = "default"
_LEGAL = pattern(r"[a-z0-9]+(-[a-z0-9]+)*")
_LEGAL_MAX = 40


class Address(Struct, frozen=True):
    """An application and the digest of the token that its address ends with."""

    application: Application | None
    token: bytes


class Addresses:
    """The addresses of the applications that are pushed to."""

    def __init__(self, applications: Iterable[Application]) -> None:
        self._addresses = {
            app.name: Address(app, _digest(app.token)) for app in applications if app.mode == "push"
        }
        self._tokens = {address.token for address in self._addresses.values()} - {_NO_TOKEN}

    def application_at(self, path: str) -> Application | Unknown:
        """Tell whose address ``path`` is; where it is nobody's, or its token is wrong, why."""
        parts = _parts(path)
        if not parts or parts[0] != _ROOT or len(parts) > _END:
            return "not_found"
        address = self._addresses.get(parts[_NAME] if len(parts) > _NAME else _DEFAULT, _NOWHERE)
        given = parts[_TOKEN] if len(parts) > _TOKEN else ""
        if compare_digest(_digest(given) if given else _NO_TOKEN, address.token) and address.application:
            return address.application
        # All are compared before, so that the time tells nothing of which it is.
        if address.application is None:
            return "unknown_application"
        if address.token == _NO_TOKEN:
            return "unexpected_token"
        return "wrong_token" if given else "missing_token"

    def named_in(self, path: str) -> tuple[str, bool]:
        """Give the application that ``path`` names, and whether there is one of that name.

        For logs: empty where it is no application's name, or is a token that stands in its place.
        """
        parts = _parts(path)
        if not parts or parts[0] != _ROOT:
            return "", False
        name = parts[_NAME] if len(parts) > _NAME else _DEFAULT
        if name in self._addresses:
            return name, True
        legal = len(name) <= _LEGAL_MAX and _LEGAL.fullmatch(name)
        return (name if legal and _digest(name) not in self._tokens else "", False)


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part]
    return [unquote(part) for part in parts] if "%" in path else parts


def _digest(token: str) -> bytes:
    # Digests have one length: comparing them tells nothing of the token's.
    return blake2b(token.encode("utf-8", "replace"), digest_size=16).digest()


_NO_TOKEN = _digest("")
# What an unknown application's token is compared with: nothing that can be sent.
_NOWHERE = Address(None, _digest("\0\0"))
