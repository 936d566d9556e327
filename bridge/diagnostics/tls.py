"""Diagnoses TLS handshakes, and explains TLS errors of client libraries.

A client library reports all of them as "connection error"; here each step is repeated, and its own error
text is kept. The caller passes the names of its settings.
"""

import asyncio
import ssl
from contextlib import suppress
from typing import TypeVar

from msgspec import Struct

from bridge.diagnostics.problem import RESPONSE_TIMEOUT_S, Problem

T = TypeVar("T")

# A server may accept the handshake and refuse the client's certificate right after it.
_ALERT_WAIT_S = 0.5
_NOT_YET_VALID, _EXPIRED, _REVOKED = 9, 10, 23
_NAME_MISMATCH = (62, 64)  # the host's name, its address
_RENEW = "renew the server's certificate"


class SettingNames(Struct, frozen=True, kw_only=True):
    """The names of the caller's TLS settings, for remedies.

    ``plaintext_remedy``: how to connect without TLS. ``has_certificate``: a client certificate is set.
    """

    cafile: str
    certfile: str
    keyfile: str
    address: str
    plaintext_remedy: str
    has_certificate: bool


async def diagnose_tls(
    address: tuple[str, int],
    context: ssl.SSLContext,
    names: SettingNames,
    timeout_s: float = RESPONSE_TIMEOUT_S,
) -> Problem | None:
    """Try a handshake with ``address``; None where it succeeds, or the problem is not TLS."""
    at = f"{address[0]}:{address[1]}"
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(*address, ssl=context)
    except ssl.SSLCertVerificationError as error:
        return _verify_error(at, error, names)
    except (OSError, TimeoutError) as error:
        return await _handshake_error(at, address, error, names)
    try:
        async with asyncio.timeout(_ALERT_WAIT_S):
            await reader.read(1)
    except ssl.SSLError as error:
        return _alert(at, error, names)
    except (OSError, TimeoutError):
        return None
    finally:
        writer.transport.abort()
    return None


async def speaks_tls(address: tuple[str, int], timeout_s: float = RESPONSE_TIMEOUT_S) -> bool:
    """Whether the server at ``address`` speaks TLS; its certificate is not verified, no data is sent."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(*address, ssl=context)
    except ssl.SSLError as error:
        return _is_alert(error)
    except (OSError, TimeoutError):
        return False
    writer.transport.abort()
    return True


def explain_tls_error(at: str, error: ssl.SSLError, names: SettingNames) -> Problem:
    """Return the problem behind a client library's TLS error; ``at`` names the server."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _verify_error(at, error, names)
    return _alert(at, error, names)


def find_cause(error: BaseException, kind: type[T]) -> T | None:
    """Return ``error`` or the first of its causes that is a ``kind``; None where there is none."""
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen:
        if isinstance(found, kind):
            return found
        seen.append(found)
        found = found.__cause__ or found.__context__
    return None


def _verify_error(at: str, error: ssl.SSLCertVerificationError, names: SettingNames) -> Problem:
    verify_message, code = error.verify_message, error.verify_code
    if code == _EXPIRED:
        return Problem(
            message=f"{at}: its certificate is out of date ({verify_message})",
            remedy=_RENEW,
        )
    if code == _NOT_YET_VALID:
        return Problem(
            message=f"{at}: its certificate is not valid yet ({verify_message})",
            remedy="check this machine's clock (NTP)",
        )
    if code == _REVOKED:
        return Problem(
            message=f"{at}: its certificate is revoked ({verify_message})",
            remedy=_RENEW,
        )
    if code in _NAME_MISMATCH:
        return Problem(
            message=f"{at}: its certificate is for another name ({verify_message})",
            remedy=f"name it in {names.address} as its certificate does, or have it certified for this name",
        )
    return Problem(
        message=f"{at}: its certificate is from an authority that is not trusted ({verify_message})",
        remedy=f"name the file of its authority's certificate in {names.cafile}",
    )


async def _handshake_error(
    at: str, address: tuple[str, int], error: OSError | TimeoutError, names: SettingNames
) -> Problem | None:
    if isinstance(error, ssl.SSLError) and _is_alert(error):
        return _alert(at, error, names)
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(RESPONSE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(*address)
        writer.transport.abort()
        if not isinstance(error, TimeoutError):
            return Problem(message=f"{at}: does not speak TLS on this port", remedy=names.plaintext_remedy)
    return None  # nothing listens, or it does not respond


def _alert(at: str, error: ssl.SSLError, names: SettingNames) -> Problem:
    reason = error.reason or ""
    if (
        not names.has_certificate and "CERTIFICATE" in reason
    ):  # Java reports a missing certificate as a bad one
        return Problem(
            message=f"{at}: it asks for a client certificate, and none is set ({_alert_text(reason)})",
            remedy=f"name one that it trusts, and its key, in {names.certfile} and {names.keyfile}",
        )
    if reason.endswith(("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE")):
        return Problem(
            message=f"{at}: it asks for a client certificate, and refuses ours ({_alert_text(reason)})",
            remedy=f"name one that it trusts in {names.certfile} and {names.keyfile}",
        )
    if reason.endswith("CERTIFICATE_EXPIRED"):
        return Problem(
            message=f"{at}: the client certificate is out of date",
            remedy=f"renew what {names.certfile} names",
        )
    if reason.endswith(("CERTIFICATE_UNKNOWN", "UNKNOWN_CA", "DECRYPT_ERROR", "CERTIFICATE_REVOKED")):
        return Problem(
            message=f"{at}: it does not accept the client certificate ({_alert_text(reason)})",
            remedy=f"check that {names.certfile} is valid now and from an authority that it trusts",
        )
    return Problem(
        message=f"{at}: it ends the TLS handshake ({_alert_text(reason) or error})",
        remedy="check its log; there may be no common TLS version or cipher",
    )


def _is_alert(error: ssl.SSLError) -> bool:
    return "_ALERT_" in (error.reason or "")


def _alert_text(reason: str) -> str:
    return reason.partition("_ALERT_")[2].replace("_", " ").lower()
