"""Why TLS does not come about with a server, told apart, and what to do about each.

A client library says "connection error" to all of them; here the way is gone again, step by step, and each
step's own words are kept. Who uses it says how its settings are called.
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
    """How the settings are called; ``clear`` says how to do without TLS, ``shown`` if one is set."""

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
    """Shake hands with what listens at ``address``; None where that is well, or no matter of TLS."""
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
    """Tell whether what listens at ``address`` speaks TLS, whoever it is; nothing is sent."""
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
    """Say what a library's TLS error means that was met at ``at``."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _verify_error(at, error, names)
    return _alert(at, error, names)


def find_cause(error: BaseException, kind: type[T]) -> T | None:
    """Find an error of that kind behind ``error``, or ``error`` itself."""
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
            remedy="renew the server's certificate",
        )
    if code == _NOT_YET_VALID:
        return Problem(
            message=f"{at}: its certificate is not valid yet ({verify_message})",
            remedy="check this machine's clock (NTP)",
        )
    if code == _REVOKED:
        return Problem(
            message=f"{at}: its certificate is revoked ({verify_message})",
            remedy="renew the server's certificate",
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
    return None  # nobody is there, or says anything


def _alert(at: str, error: ssl.SSLError, names: SettingNames) -> Problem:
    reason = error.reason or ""
    if not names.has_certificate and "CERTIFICATE" in reason:  # Java calls none a bad one
        return Problem(
            message=f"{at}: it asks for a client certificate, and none is set ({_alert_text(reason)})",
            remedy=f"name one that it trusts, and its key, in {names.certfile} and {names.keyfile}",
        )
    if reason.endswith(("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE")):
        return Problem(
            message=f"{at}: it asks for a client certificate, and does not take ours ({_alert_text(reason)})",
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
            remedy=f"see whether what {names.certfile} names is in date and of an authority that it trusts",
        )
    return Problem(
        message=f"{at}: it ends the TLS handshake ({_alert_text(reason) or error})",
        remedy="see its log; versions or ciphers may not fit",
    )


def _is_alert(error: ssl.SSLError) -> bool:
    return "_ALERT_" in (error.reason or "")


def _alert_text(reason: str) -> str:
    return reason.partition("_ALERT_")[2].replace("_", " ").lower()
