"""Who may read and who may act: tokens, the session cookie of a browser, and requests from other sites.

Reading needs nothing unless ``admin.read_token`` is set; acting needs ``admin.token``. A token is given as
``Authorization: Bearer``, or once on the login page, for a cookie that is signed with the token itself: any
process with the same token takes it, and a change of the token ends all sessions.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection
from enum import IntEnum
from hashlib import sha256
from hmac import compare_digest, digest
from secrets import token_hex

from aiohttp import web

from bridge.console.problem import ForbiddenError
from bridge.core.same_site import is_same_site

COOKIE = "vod_bridge_session"
SESSION_S = 12 * 3600
_REVOKED_MAX = 1000
_TEXT_MAX = 1024
_PARTS = 4


class Level(IntEnum):
    """What a request may do; each includes the ones before."""

    NOTHING = 0
    READ = 1
    ACT = 2


class Access:
    """Decides what a request may do. ``now_s`` is the wall clock in unix seconds."""

    def __init__(
        self,
        token: str,
        read_token: str,
        now_s: Callable[[], float],
        *,
        allowed_hosts: Collection[str] = (),
    ) -> None:
        self._tokens = {Level.ACT: token, Level.READ: read_token}
        self._now_s = now_s
        self._allowed_hosts = frozenset(name.lower() for name in allowed_hosts)
        self._revoked: dict[str, None] = {}

    @property
    def can_act(self) -> bool:
        """Whether there is a token to act with."""
        return bool(self._tokens[Level.ACT])

    @property
    def is_open(self) -> bool:
        """Whether everybody may read."""
        return not self._tokens[Level.READ]

    @property
    def has_login(self) -> bool:
        """Whether there is any token to log in with."""
        return any(self._tokens.values())

    def level_of(self, request: web.BaseRequest) -> Level:
        """Return what ``request`` may do, by its token, its cookie, or without either."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return max(self._level_of_token(given.strip()), self._open_level())
        return max(self._level_of_cookie(request.cookies.get(COOKIE, "")), self._open_level())

    def shown_by(self, request: web.BaseRequest) -> str:
        """Return what a request shows its level by: ``token``, ``session``, or ``nothing`` that is valid."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return "token" if self._level_of_token(given.strip()) else "nothing"
        return "session" if self._level_of_cookie(request.cookies.get(COOKIE, "")) else "nothing"

    def new_session(self, given: str) -> tuple[Level, str]:
        """Return the level of a token and a cookie's value for it; (NOTHING, "") where it is wrong."""
        level = self._level_of_token(given)
        if level is Level.NOTHING:
            return level, ""
        unsigned = f"{int(level)}.{int(self._now_s()) + SESSION_S}.{token_hex(16)}"
        return level, f"{unsigned}.{self._signature(level, unsigned)}"

    def end_session(self, request: web.BaseRequest) -> None:
        """Let the request's cookie be worth nothing from now on, in this process."""
        cookie = request.cookies.get(COOKIE, "")
        if self._level_of_cookie(cookie) is not Level.NOTHING:
            self._revoked[cookie] = None
            while len(self._revoked) > _REVOKED_MAX:
                del self._revoked[next(iter(self._revoked))]

    def require_act(self, level: Level) -> None:
        """Raise `ForbiddenError` where a request of this level may only read."""
        if level >= Level.ACT:
            return
        if self.can_act:
            raise ForbiddenError(401, "a token is needed to act", remedy="BRIDGE_ADMIN__TOKEN's value")
        raise ForbiddenError(
            403, "this console only shows", "BRIDGE_ADMIN__TOKEN is not set", "set it, and log in with it"
        )

    def require_same_site(self, request: web.BaseRequest) -> None:
        """Raise `ForbiddenError` where a page of another site, or who hides where from, makes a browser ask.

        By Sec-Fetch-Site, else by Origin. A request with neither is no browser's: it needs a bearer token.
        """
        is_ours = is_same_site(request.headers, self._allowed_hosts)
        if is_ours is None and not request.headers.get("Authorization", "").lower().startswith("bearer "):
            raise ForbiddenError(
                403,
                "a program needs a bearer token",
                "the request comes from no browser, and has no Authorization: Bearer",
                "send the token; where none is set, any text shows what a dry run does",
            )
        if is_ours is False:
            raise ForbiddenError(
                403,
                "asked for by another site",
                "the request does not come from a page of this console",
                "use the console itself, or Authorization: Bearer; BRIDGE_ADMIN__ALLOWED_HOSTS has the name"
                " that a proxy serves it by",
            )

    def _open_level(self) -> Level:
        return Level.READ if self.is_open else Level.NOTHING

    def _level_of_token(self, given: str) -> Level:
        # Both are compared, whatever the first gives: the time shows nothing.
        matches = {
            level: bool(token) & compare_digest(_hashed(given), _hashed(token))
            for level, token in self._tokens.items()
        }
        return next((level for level, is_equal in matches.items() if is_equal), Level.NOTHING)

    def _level_of_cookie(self, cookie: str) -> Level:
        parts = cookie.split(".")
        if len(cookie) > _TEXT_MAX or len(parts) != _PARTS or cookie in self._revoked:
            return Level.NOTHING
        level_text, until, _, signature = parts
        level = {"1": Level.READ, "2": Level.ACT}.get(level_text, Level.NOTHING)
        expected = self._signature(level, cookie.rpartition(".")[0])
        if not expected or not compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            return Level.NOTHING
        return level if int(until) > self._now_s() else Level.NOTHING

    def _signature(self, level: Level, unsigned: str) -> str:
        token = self._tokens.get(level, "")
        if not token:
            return ""
        key = digest(token.encode(), b"vod-event-bridge console session", "sha256")
        return (
            urlsafe_b64encode(digest(key, unsigned.encode("utf-8", "replace"), "sha256")).decode().rstrip("=")
        )


def _hashed(text: str) -> bytes:
    return sha256(text.encode("utf-8", "replace")).digest()  # of one length: the time shows nothing of it
