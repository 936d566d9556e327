"""Which application a callback's address is of: its path, with the application's token where it has one."""

from collections.abc import Iterable
from hashlib import blake2b
from hmac import compare_digest
from urllib.parse import unquote

from msgspec import Struct

from bridge.core.application import Application

# Of /callbacks, /callbacks/{app}, /callbacks/{app}/{token}, cut at each "/".
_ROOT = ["", "callbacks"]
_NAME, _TOKEN, _END = 2, 3, 4


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

    def application_at(self, path: str) -> Application | None:
        """Tell whose address ``path`` is; None where it is nobody's, or its token is wrong."""
        parts = path.split("/")
        if parts[:_NAME] != _ROOT or len(parts) > _END:
            return None
        if "%" in path:
            parts = [unquote(part) for part in parts]
        address = self._addresses.get(parts[_NAME] if len(parts) > _NAME else "default", _NOWHERE)
        # An empty last part is no token but an address with a part too many.
        given = (parts[_TOKEN] or "\0") if len(parts) > _TOKEN else ""
        return (
            address.application
            if compare_digest(_digest(given) if given else _NO_TOKEN, address.token)
            else None
        )


def _digest(token: str) -> bytes:
    # Digests have one length: comparing them tells nothing of the token's.
    return blake2b(token.encode("utf-8", "replace"), digest_size=16).digest()


_NO_TOKEN = _digest("")
# What an unknown application's token is compared with: nothing that can be sent.
_NOWHERE = Address(None, _digest("\0\0"))
