"""A configured VOD application. A notification does not say which application it belongs to."""

from typing import Literal

from msgspec import Struct

Mode = Literal["push", "pull", "pull-legacy"]


class Application(Struct, frozen=True, kw_only=True):
    """One configured application.

    ``name`` is lower-case words joined by ``-``. ``sign_keys`` are the vendor's valid SignKeys, several
    during a key rotation; with none, signatures are not checked. With ``signature_required`` False an
    unsigned delivery is accepted, a wrongly signed one is not. ``token`` is the last segment of the callback
    URL's path; empty: the path has none.
    """

    name: str
    mode: Mode = "push"
    sub_app_id: int | None = None
    sign_keys: tuple[str, ...] = ()
    signature_required: bool = True
    token: str = ""

    @property
    def callback_path(self) -> str:
        """The path of its callback URL, ``***`` for the token; empty where it is pulled."""
        if self.mode != "push":
            return ""
        path = f"/callbacks/{self.name}"
        return f"{path}/***" if self.token else path.removesuffix("/default")
