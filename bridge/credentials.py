"""What an application logs in with at the vendor's API: fixed keys, changing files, or the SDK's providers.

Asked before every call, so it never waits: what is temporary is renewed beside, in a thread.
"""

import time
from collections.abc import Callable
from errno import ENODATA
from importlib import import_module
from math import inf
from pathlib import Path
from threading import Thread
from typing import Any

from bridge.io.vod_api import Credential
from bridge.settings.apps import AppSettings
from bridge.settings.secret_files import cleaned

_RENEW_S = 60.0


class _Folder:
    """Credentials in files of a folder, read again when one of them has changed."""

    def __init__(self, folder: Path) -> None:
        self._files = [folder / name for name in ("secret_id", "secret_key", "token")]
        self._seen: list[int] = []
        self._credential = Credential(secret_id="", secret_key="")

    def __call__(self) -> Credential:
        stamps = [file.stat().st_mtime_ns if file.exists() else 0 for file in self._files]
        if stamps != self._seen:
            parts = [cleaned(file.read_text("utf-8")) if file.exists() else "" for file in self._files]
            self._credential, self._seen = Credential(*parts), stamps
        return self._credential


class Provided:
    """Credentials of a role. ``ask`` waits for the vendor's answer, and is asked again every minute.

    The SDK's objects keep what they have until it nearly expires: asking them often costs nothing.
    """

    def __init__(
        self, ask: Callable[[], Credential], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._asked_at = -inf
        self._credential: Credential | None = None
        self._problem = "its provider has not answered yet"

    def __call__(self) -> Credential:
        """Give what there is. Raises OSError where nothing was provided yet, and says why."""
        now = self._monotonic()
        if now - self._asked_at > _RENEW_S or (self._credential is None and now - self._asked_at > 1):
            self._asked_at = now
            Thread(target=self._renew, name="credentials", daemon=True).start()
        if self._credential is None:
            raise OSError(ENODATA, self._problem)
        return self._credential

    def first(self) -> None:
        """Wait for a first answer; for whoever asks once and has nothing else to do."""
        self._renew()

    def _renew(self) -> None:
        try:
            self._credential = self._ask()
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises, the last credential is kept
            self._problem = f"{type(error).__name__}: its provider gives none"


def credential_of(app: AppSettings) -> Callable[[], Credential]:
    """Say what an application logs in with; asked before every call."""
    if app.credentials_dir is not None:
        return _Folder(app.credentials_dir)
    if app.credentials_provider:
        return Provided(_role(app.credentials_provider))
    fixed = Credential(
        secret_id=app.secret_id.get_secret_value() if app.secret_id else "",
        secret_key=app.secret_key.get_secret_value() if app.secret_key else "",
    )
    return lambda: fixed


def _role(provider: str) -> Callable[[], Credential]:
    """Ask the vendor's SDK, which renews what it gave by itself (the extra ``tencent``)."""
    sdk = import_module("tencentcloud.common.credential")
    held: list[Any] = []

    def ask() -> Credential:
        if not held:
            tke = provider == "tke-oidc"
            held.append(
                sdk.DefaultTkeOIDCRoleArnProvider().get_credentials() if tke else sdk.CVMRoleCredential()
            )
        found = held[0]
        return Credential(secret_id=found.secret_id, secret_key=found.secret_key, token=found.token or "")

    return ask
