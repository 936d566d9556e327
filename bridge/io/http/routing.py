"""Which application a callback's address is of: its path, with the application's token where it has one."""

from collections.abc import Iterable
from hashlib import blake2b
from hmac import compare_digest
from re import compile as pattern
from typing import Literal
from urllib.parse import unquote

from msgspec import Struct

from bridge.core.application import Application

NotFoundReason = Literal[
    "not_found", "unknown_application", "wrong_token", "missing_token", "unexpected_token"
]
"""Why an address is nobody's. To who asks they are the same."""

# Of /callbacks, /callbacks/{app}, /callbacks/{app}/{token}, cut at each "/", without what is empty.
_ROOT = "callbacks"
_NAME, _TOKEN, _END = 1, 2, 3
_DEFAULT = "default"
_APPLICATION_NAME = pattern(r"[a-z0-9]+(-[a-z0-9]+)*")
_APPLICATION_NAME_MAX = 40


class Route(Struct, frozen=True):
    """An application and the digest of the token that its address ends with."""

    application: Application | None
    token_digest: bytes


class CallbackRouter:
    """The addresses of the applications that are pushed to."""

    def __init__(self, applications: Iterable[Application]) -> None:
        self._routes = {
            app.name: Route(app, _token_digest(app.token)) for app in applications if app.mode == "push"
        }
        self._token_digests = {route.token_digest for route in self._routes.values()} - {_NO_TOKEN_DIGEST}

    def resolve(self, path: str) -> Application | NotFoundReason:
        """Return the application of a callback path; or why there is none or its token is wrong."""
        segments = _path_segments(path)
        if not segments or segments[0] != _ROOT or len(segments) > _END:
            return "not_found"
        route = self._routes.get(segments[_NAME] if len(segments) > _NAME else _DEFAULT, _UNKNOWN_ROUTE)
        given_token = segments[_TOKEN] if len(segments) > _TOKEN else ""
        if (
            compare_digest(
                _token_digest(given_token) if given_token else _NO_TOKEN_DIGEST, route.token_digest
            )
            and route.application
        ):
            return route.application
        # All are compared before, so that the time tells nothing of which it is.
        if route.application is None:
            return "unknown_application"
        if route.token_digest == _NO_TOKEN_DIGEST:
            return "unexpected_token"
        return "wrong_token" if given_token else "missing_token"

    def application_for_log(self, path: str) -> tuple[str, bool]:
        """Return the application that ``path`` names, and whether there is one of that name.

        For logs: empty if it cannot be an application's name, or may be a token in its place.
        """
        segments = _path_segments(path)
        if not segments or segments[0] != _ROOT:
            return "", False
        name = segments[_NAME] if len(segments) > _NAME else _DEFAULT
        if name in self._routes:
            return name, True
        is_name = len(name) <= _APPLICATION_NAME_MAX and _APPLICATION_NAME.fullmatch(name)
        return (name if is_name and _token_digest(name) not in self._token_digests else "", False)


def _path_segments(path: str) -> list[str]:
    segments = [part for part in path.split("/") if part]
    return [unquote(part) for part in segments] if "%" in path else segments


def _token_digest(token: str) -> bytes:
    # Digests have one length: comparing them tells nothing of the token's.
    return blake2b(token.encode("utf-8", "replace"), digest_size=16).digest()


_NO_TOKEN_DIGEST = _token_digest("")
# What an unknown application's token is compared with: nothing that can be sent.
_UNKNOWN_ROUTE = Route(None, _token_digest("\0\0"))
