"""TLS: what is trusted and what is shown, from files that may be renewed while the program runs.

Certificates last for weeks, a bridge for months: each new connection begins with what the files hold now.
"""

import os
import ssl
import time
from collections.abc import Callable
from math import inf
from typing import Protocol, Self

import structlog
from msgspec import Struct

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_CHECK_INTERVAL_S = 1.0
_MISSING = (0, 0, 0)


class PemFiles(Protocol):
    """PEM files of which a context is made."""

    def context(self) -> ssl.SSLContext:
        """Read them. Raises OSError, which what `ssl` raises is too, where they cannot be used."""

    def paths(self) -> list[str]:
        """Give the paths of those that there are."""


class ServerTlsFiles(Struct, frozen=True, kw_only=True):
    """Paths of PEM files for a server: its certificate with its chain, its key.

    With ``client_cafile`` every client must show a certificate of an authority that stands there.
    """

    certfile: str
    keyfile: str
    client_cafile: str | None = None

    def context(self) -> ssl.SSLContext:
        """Read them. Raises OSError, which what `ssl` raises is too, where they cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # Without a password of ours OpenSSL would ask for one on the terminal.
        context.load_cert_chain(self.certfile, self.keyfile, "")
        if self.client_cafile:
            context.load_verify_locations(self.client_cafile)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def paths(self) -> list[str]:
        """Give the paths of those that there are."""
        return [path for path in (self.certfile, self.keyfile, self.client_cafile) if path]


class ClientTlsFiles(Struct, frozen=True, kw_only=True):
    """Paths of PEM files. Trusted is what ``cafile`` and ``capath`` hold, the system's where both are empty.

    ``certfile`` and ``keyfile`` are the client's own, for mutual TLS; ``password`` opens the key.
    """

    cafile: str | None = None
    capath: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    password: str | None = None
    verify: ssl.VerifyMode = ssl.CERT_REQUIRED
    check_hostname: bool = True

    def context(self) -> ssl.SSLContext:
        """Read them. Raises OSError, which what `ssl` raises is too, where they cannot be used."""
        context = ssl.create_default_context(cafile=self.cafile, capath=self.capath)
        context.check_hostname = self.check_hostname and self.verify != ssl.CERT_NONE
        context.verify_mode = self.verify
        if self.certfile:
            # Without a password of ours OpenSSL would ask for one on the terminal.
            context.load_cert_chain(self.certfile, self.keyfile, self.password or "")
        return context

    def paths(self) -> list[str]:
        """Give the paths of those that there are."""
        return [path for path in (self.cafile, self.capath, self.certfile, self.keyfile) if path]


class ReloadingSSLContext(ssl.SSLContext):
    """A context that libraries keep for ever, and each of whose connections begins with what is in force.

    The files are looked at where a connection begins, at most every ``every_s`` seconds. Files that cannot
    be used, such as a key that is not its certificate's because only one of both is written yet, leave in
    force what was; that is logged once, and they are tried again.
    """

    # What the base wants to be made with: of the client's kind or the server's, as its connections are.
    def __new__(cls, files: PemFiles, *_: object, **__: object) -> Self:  # noqa: D102
        serves = isinstance(files, ServerTlsFiles)
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER if serves else ssl.PROTOCOL_TLS_CLIENT)

    def __init__(
        self,
        files: PemFiles,
        monotonic: Callable[[], float] = time.monotonic,
        interval_s: float = _CHECK_INTERVAL_S,
    ) -> None:
        """Read the files. Raises OSError where they cannot be used."""
        self._files = files
        self._monotonic = monotonic
        self._interval_s = interval_s
        self._checked_at_s = -inf
        self._last_error = ""
        self._loaded_fingerprints = _fingerprints(files)
        self._active = files.context()

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - as above
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection; both event loops come this way."""
        self.reload_if_changed()
        return self._active.wrap_bio(incoming, outgoing, server_side, server_hostname, session)

    @property
    def has_client_certificate(self) -> bool:
        """Whether a certificate of ours is shown to a server that asks for it."""
        return getattr(self._files, "certfile", None) is not None

    def reload_if_changed(self) -> None:
        """Read the files again where they have changed, unless that was asked a moment ago."""
        now = self._monotonic()
        if now - self._checked_at_s < self._interval_s:
            return
        self._checked_at_s = now
        fingerprints = _fingerprints(self._files)
        if fingerprints == self._loaded_fingerprints:
            return
        try:
            self._active = self._files.context()
        except (OSError, ValueError) as error:
            self._log_failure(str(error))
            return
        # Stamped before they were read: what came in between is seen as another change.
        self._loaded_fingerprints, self._last_error = fingerprints, ""
        log.info("certificates_renewed", files=self._files.paths())

    def _log_failure(self, error: str) -> None:
        if error != self._last_error:
            self._last_error = error
            log.warning(
                "certificate_reload_failed",
                files=self._files.paths(),
                error=error,
                note="those read before stay in force; the files are tried again",
            )


def _fingerprints(files: PemFiles) -> list[tuple[int, int, int]]:
    """Tell what changes when one of them does, also where what was swapped is a link to their folder."""
    return [_fingerprint(path) for path in files.paths()]


def _fingerprint(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - a path as text, as the settings have it
    except OSError:
        return _MISSING
    return found.st_mtime_ns, found.st_ino, found.st_size
