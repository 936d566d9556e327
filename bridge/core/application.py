"""A VOD application as the bridge is told of it (a notification does not say which one sent it)."""

from typing import Literal

from msgspec import Struct

Mode = Literal["push", "pull", "pull-legacy"]


class Application(Struct, frozen=True, kw_only=True):
    """One configured application.

    ``name`` is lower-case words joined by ``-``. ``sign_keys`` are the vendor's SignKeys in force, several
    during a change of key; where there are none, deliveries are not signed. With ``signature_required``
    False an unsigned delivery passes, a wrongly signed one does not. ``token`` is the last part of the
    callback URL; empty means none is wanted.
    """

    name: str
    mode: Mode = "push"
    sub_app_id: int | None = None
    sign_keys: tuple[str, ...] = ()
    signature_required: bool = True
    token: str = ""
