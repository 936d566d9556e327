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

from bridge.io.vod_api import Credential
from bridge.settings.apps import AppSettings
from bridge.settings.secret_files import cleaned

_RENEW_S = 60.0
_HANGS_S = 30.0
_HANGS_MOST_S = 3600.0


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
    """Credentials of a role, renewed every minute in a thread.

    ``source()`` makes an object of the SDK, and gives what asks it: that waits for the vendor's answer, and
    has no limit of its own. The SDK's objects keep what they have until it nearly expires: asking them often
    costs nothing. One renewal runs at a time. One that has not ended after 30 s is left behind with its
    object, which is locked for as long as its request hangs, and a new object is made. After each the limit
    is doubled, up to an hour, so that a service that hangs for days costs a few threads.
    """

    def __init__(
        self,
        source: Callable[[], Callable[[], Credential]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._monotonic = monotonic
        self._ask: Callable[[], Credential] | None = None
        self._renewal: Thread | None = None
        self._limit_s = _HANGS_S
        self._asked_at = -inf
        self._credential: Credential | None = None
        self._problem = "its provider has not answered yet"

    def __call__(self) -> Credential:
        """Give what there is. Raises OSError where nothing was provided yet, and says why."""
        now = self._monotonic()
        since_s = now - self._asked_at
        if self._renewal is not None and not self._renewal.is_alive():
            self._renewal, self._limit_s = None, _HANGS_S
        if self._renewal is not None and since_s > self._limit_s:
            self._problem = f"its provider did not answer within {self._limit_s:.0f} s"
            self._renewal, self._ask, self._limit_s = None, None, min(2 * self._limit_s, _HANGS_MOST_S)
            since_s = inf
        if self._renewal is None and (since_s > _RENEW_S or (self._credential is None and since_s > 1)):
            self._asked_at = now
            self._renewal = Thread(target=self._renew, name="credentials", daemon=True)
            self._renewal.start()
        if self._credential is None:
            raise OSError(ENODATA, self._problem)
        return self._credential

    def first(self) -> None:
        """Wait for a first answer; for whoever asks once and has nothing else to do."""
        self._renew()

    def _renew(self) -> None:
        try:
            ask = self._ask
            if ask is None:
                ask = self._ask = self._source()
            credential = ask()
            if ask is not self._ask:
                return  # it was left behind; what it got may be older
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises, the last credential is kept
            self._problem = f"{type(error).__name__}: its provider gives none"
            return
        if credential.secret_id and credential.secret_key:
            self._credential = credential
        else:
            self._problem = "its provider gives none"


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


def _role(provider: str) -> Callable[[], Callable[[], Credential]]:
    """Ask the vendor's SDK, which renews what it gave by itself (the extra ``tencent``)."""
    sdk = import_module("tencentcloud.common.credential")

    def tke() -> Callable[[], Credential]:
        found = sdk.DefaultTkeOIDCRoleArnProvider().get_credentials()
        return lambda: Credential(
            secret_id=found.secret_id, secret_key=found.secret_key, token=found.token or ""
        )

    def cvm() -> Callable[[], Credential]:
        role = sdk.CVMRoleCredential()

        def ask() -> Credential:
            # All three at once: between two questions they may be renewed. It gives None where it got none.
            secret_id, secret_key, token = role.get_credential_info()
            return Credential(secret_id=secret_id or "", secret_key=secret_key or "", token=token or "")

        return ask

    return tke if provider == "tke-oidc" else cvm
