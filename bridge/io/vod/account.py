"""Whose queue is asked, where, and with which key. Nothing here reads a file or a setting."""

from collections.abc import Callable

from msgspec import Struct


class Credential(Struct, frozen=True):
    """A key of the vendor's access management; ``token`` belongs to temporary ones only."""

    secret_id: str
    secret_key: str
    token: str = ""

    def __repr__(self) -> str:
        """Show the key's id alone: a repr ends in logs and tracebacks, the key must not."""
        return f"Credential(secret_id={self.secret_id!r})"

    def redact(self, text: str) -> str:
        """Return ``text`` with the secrets masked."""
        for secret in (self.secret_key, self.token):
            text = text.replace(secret, "***") if secret else text
        return text


class Proxy(Struct, frozen=True, kw_only=True):
    """A forward proxy: ``url`` as it is used, with its login; ``name`` is its host and port, for people.

    ``mistake`` is why it cannot be used; then nothing is sent, for a direct connection may not be wanted.
    """

    url: str
    name: str
    mistake: str = ""

    def __repr__(self) -> str:
        """Name it without its login: a repr ends in logs and tracebacks."""
        return f"Proxy(name={self.name!r}, mistake={self.mistake!r})"


def no_proxy(_: str) -> Proxy | None:
    """Use no proxy for any URL."""
    return None


class Account(Struct, frozen=True, kw_only=True):
    """One application at the vendor.

    ``endpoint`` is a host or a URL, https where it names no scheme; "" is the interface's own. ``credential``
    is asked before every call, so that a key that was rotated takes effect; it must not block, and may raise
    `OSError` or `ValueError` where there is none now. ``timeout_s`` limits a call from its start to the last
    byte of its response; the vendor holds a pull for up to 5 s. ``proxy_for`` returns the proxy for a URL.
    """

    credential: Callable[[], Credential]
    endpoint: str = ""
    sub_app_id: int | None = None
    timeout_s: float = 10.0
    proxy_for: Callable[[str], Proxy | None] = no_proxy
