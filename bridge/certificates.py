"""TLS as a client speaks it: what it trusts and what it shows, from files that may be renewed while it runs.

Certificates last for weeks, a bridge for months: whoever connects anew does so with what the files hold now.
"""

import os
import ssl
import time
from collections.abc import Callable
from math import inf
from typing import Self

import structlog
from msgspec import Struct

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_LOOK_EVERY_S = 1.0
_NO_STAMP = (0, 0, 0)


class TlsFiles(Struct, frozen=True, kw_only=True):
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

    def stamps(self) -> list[tuple[int, int, int]]:
        """Tell what changes when one of them does, also where what was swapped is a link to their folder."""
        return [_stamp(path) for path in (self.cafile, self.capath, self.certfile, self.keyfile) if path]


class RenewedContext(ssl.SSLContext):
    """A context that libraries keep for ever, and each of whose connections begins with what is in force.

    The files are looked at where a connection begins, at most every ``every_s`` seconds. Files that cannot
    be used, such as a key that is not its certificate's because only one of both is written yet, leave in
    force what was; that is logged once, and they are tried again.
    """

    def __new__(cls, *_: object, **__: object) -> Self:  # noqa: D102 - what the base wants to be made with
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(
        self,
        files: TlsFiles,
        monotonic: Callable[[], float] = time.monotonic,
        every_s: float = _LOOK_EVERY_S,
    ) -> None:
        """Read the files. Raises OSError where they cannot be used."""
        self._files = files
        self._monotonic = monotonic
        self._every_s = every_s
        self._looked_at = -inf
        self._problem = ""
        self._seen = files.stamps()
        self._inner = files.context()

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - as above
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection; both event loops come this way."""
        self.look()
        return self._inner.wrap_bio(incoming, outgoing, server_side, server_hostname, session)

    @property
    def shows(self) -> bool:
        """Whether a certificate of ours is shown to a server that asks for it."""
        return self._files.certfile is not None

    def look(self) -> None:
        """Read the files again where they have changed, unless that was asked a moment ago."""
        now = self._monotonic()
        if now - self._looked_at < self._every_s:
            return
        self._looked_at = now
        stamps = self._files.stamps()
        if stamps == self._seen:
            return
        try:
            self._inner = self._files.context()
        except (OSError, ValueError) as error:
            self._complain(str(error))
            return
        # Stamped before they were read: what came in between is seen as another change.
        self._seen, self._problem = stamps, ""
        log.info("certificates_renewed", files=self._named())

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            log.warning(
                "certificates_not_usable",
                files=self._named(),
                error=problem,
                meaning="those read before stay in force; the files are tried again",
            )

    def _named(self) -> list[str]:
        files = self._files
        return [path for path in (files.cafile, files.capath, files.certfile, files.keyfile) if path]


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - a path as text, as the settings have it
    except OSError:
        return _NO_STAMP
    return found.st_mtime_ns, found.st_ino, found.st_size
