"""The credentials of an application at the vendor's API: fixed keys, files that change, the SDK's providers.

Read before every call, so they never block: temporary ones are renewed in a thread.
"""

import time
from collections.abc import Callable
from errno import ENODATA
from importlib import import_module
from math import inf
from pathlib import Path
from threading import Thread

from bridge.io.vod.account import Credential
from bridge.settings.apps import AppSettings
from bridge.settings.secret_files import clean_secret

_REFRESH_INTERVAL_S = 60.0
_HANG_LIMIT_S = 30.0
_MAX_HANG_LIMIT_S = 3600.0


class _CredentialsDirectory:
    """Credentials in files of a folder, read again when one of them has changed."""

    def __init__(self, directory: Path) -> None:
        self._files = [directory / name for name in ("secret_id", "secret_key", "token")]
        self._mtimes_ns: list[int] = []
        self._credential = Credential(secret_id="", secret_key="")

    def __call__(self) -> Credential:
        mtimes_ns = [file.stat().st_mtime_ns if file.exists() else 0 for file in self._files]
        if mtimes_ns != self._mtimes_ns:
            parts = [clean_secret(file.read_text("utf-8")) if file.exists() else "" for file in self._files]
            self._credential, self._mtimes_ns = Credential(*parts), mtimes_ns
        return self._credential


class RefreshingCredentials:
    """Credentials of a role, renewed every minute in a thread.

    ``source()`` makes an object of the SDK and returns its fetch function, which blocks for the vendor's
    response and has no time limit of its own. The SDK's objects cache what they have until it nearly expires:
    fetching often costs nothing. One renewal runs at a time. One that has not ended after 30 s is abandoned
    with its object, which is locked for as long as its request hangs, and a new object is made. After each
    the limit is doubled, up to an hour, so that a service that hangs for days costs a few threads.
    """

    def __init__(
        self,
        new_fetch: Callable[[], Callable[[], Credential]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._new_fetch = new_fetch
        self._monotonic = monotonic
        self._fetch: Callable[[], Credential] | None = None
        self._refresh_thread: Thread | None = None
        self._hang_limit_s = _HANG_LIMIT_S
        self._refresh_started_at = -inf
        self._credential: Credential | None = None
        self._problem = "its provider has not answered yet"

    def __call__(self) -> Credential:
        """Return the current credential. Raises OSError with the reason if there was none yet."""
        now = self._monotonic()
        since_s = now - self._refresh_started_at
        if self._refresh_thread is not None and not self._refresh_thread.is_alive():
            self._refresh_thread, self._hang_limit_s = None, _HANG_LIMIT_S
        if self._refresh_thread is not None and since_s > self._hang_limit_s:
            self._problem = f"its provider did not answer within {self._hang_limit_s:.0f} s"
            self._refresh_thread, self._fetch, self._hang_limit_s = (
                None,
                None,
                min(2 * self._hang_limit_s, _MAX_HANG_LIMIT_S),
            )
            since_s = inf
        if self._refresh_thread is None and (
            since_s > _REFRESH_INTERVAL_S or (self._credential is None and since_s > 1)
        ):
            self._refresh_started_at = now
            self._refresh_thread = Thread(target=self._refresh, name="credentials", daemon=True)
            self._refresh_thread.start()
        if self._credential is None:
            raise OSError(ENODATA, self._problem)
        return self._credential

    def refresh_now(self) -> None:
        """Fetch a credential in this thread; for commands that need one once."""
        self._refresh()

    def _refresh(self) -> None:
        try:
            fetch = self._fetch
            if fetch is None:
                fetch = self._fetch = self._new_fetch()
            credential = fetch()
            if fetch is not self._fetch:
                return  # it was left behind; what it got may be older
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises, the last credential is kept
            self._problem = f"{type(error).__name__}: its provider gives none"
            return
        if credential.secret_id and credential.secret_key:
            self._credential = credential
        else:
            self._problem = "its provider gives none"


def credential_source(app: AppSettings) -> Callable[[], Credential]:
    """Return the function that gives an application's credential; it is called before every request."""
    if app.credentials_dir is not None:
        return _CredentialsDirectory(app.credentials_dir)
    if app.credentials_provider:
        return RefreshingCredentials(_role_provider(app.credentials_provider))
    fixed = Credential(
        secret_id=app.secret_id.get_secret_value() if app.secret_id else "",
        secret_key=app.secret_key.get_secret_value() if app.secret_key else "",
    )
    return lambda: fixed


def _role_provider(provider: str) -> Callable[[], Callable[[], Credential]]:
    """Ask the vendor's SDK, which renews what it gave by itself (the extra ``tencent``)."""
    sdk = import_module("tencentcloud.common.credential")

    def tke() -> Callable[[], Credential]:
        provided = sdk.DefaultTkeOIDCRoleArnProvider().get_credentials()
        return lambda: Credential(
            secret_id=provided.secret_id, secret_key=provided.secret_key, token=provided.token or ""
        )

    def cvm() -> Callable[[], Credential]:
        role = sdk.CVMRoleCredential()

        def fetch() -> Credential:
            # All three at once: between two questions they may be renewed. It gives None where it got none.
            secret_id, secret_key, token = role.get_credential_info()
            return Credential(secret_id=secret_id or "", secret_key=secret_key or "", token=token or "")

        return fetch

    return tke if provider == "tke-oidc" else cvm
