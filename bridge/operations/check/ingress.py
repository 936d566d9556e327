"""Checks of the ingress: its certificate as a client sees it, and its HTTP parser."""

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy

from bridge.io.tls import ServerTlsFiles
from bridge.operations.check.finding import Finding, failed, ok, warning
from bridge.settings.sections import HttpSettings

_EXPIRY_WARNING_S = 14 * 86_400
_DAY_S = 86_400
_HANDSHAKE_ROUNDS = 4  # more than a handshake in memory takes
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_CHECK_NAME = "http tls"
_RENEW_REMEDY = "renew it (cert-manager, certbot); the bridge follows the file"


def check_ingress(http: HttpSettings, now_s: float) -> list[Finding]:
    """Check the ingress at ``now_s`` (unix seconds). Loading the settings has checked that the key fits."""
    found = []
    if HttpRequestParser is HttpRequestParserPy:
        message = "requests are read by aiohttp's Python parser, which is slower and less strict"
        found.append(
            warning("http parser", message, "install a wheel of aiohttp, unset AIOHTTP_NO_EXTENSIONS")
        )
    if http.tls_certfile and http.tls_keyfile:
        files = ServerTlsFiles(certfile=str(http.tls_certfile), keyfile=str(http.tls_keyfile))
        found += _check_certificate(files, now_s)
    if http.tls_client_cafile:
        found.append(_check_client_ca(http.tls_client_cafile, now_s))
    return found


def _check_certificate(files: ServerTlsFiles, now_s: float) -> list[Finding]:
    certificates = _PEM.findall(Path(files.certfile).read_text("utf-8"))
    try:
        certificate = _handshake(files, certificates[0], ignore_validity=True)
    except (OSError, IndexError) as error:
        message = f"{files.certfile} cannot be shown: {error}"
        return [failed(_CHECK_NAME, message, "a PEM file of a server's certificate")]
    not_before_s, not_after_s = (
        ssl.cert_time_to_seconds(str(certificate[end])) for end in ("notBefore", "notAfter")
    )
    until = datetime.fromtimestamp(not_after_s, UTC).date().isoformat()
    if now_s >= not_after_s:
        return [
            failed(
                _CHECK_NAME,
                f"{files.certfile} is out of date since {until}: no client goes on",
                _RENEW_REMEDY,
            )
        ]
    if now_s < not_before_s:
        return [failed(_CHECK_NAME, f"{files.certfile} is not valid yet", "set the clock, or wait")]
    try:
        _handshake(files, certificates[-1])
    except OSError as error:
        message = f"the chain in {files.certfile} does not hold: {error}"
        return [
            failed(_CHECK_NAME, message, "put the certificate first, then each one's issuer (fullchain.pem)")
        ]
    return [_check_expiry(files.certfile, _host_names(certificate), not_after_s - now_s, until)]


def _check_expiry(certfile: str, names: str, seconds: float, until: str) -> Finding:
    if not names:
        remedy = "one that is made for the name that is called"
        return failed(_CHECK_NAME, f"{certfile} names no host (subjectAltName): no client goes on", remedy)
    if seconds < _EXPIRY_WARNING_S:
        return warning(
            _CHECK_NAME, f"{certfile} ends in {int(seconds / _DAY_S)} days, on {until}", _RENEW_REMEDY
        )
    return ok(_CHECK_NAME, f"{certfile} is for {names}, until {until}")


def _host_names(certificate: dict[str, Any]) -> str:
    return ", ".join(value for _, value in certificate.get("subjectAltName", ()))


def _check_client_ca(cafile: Path, now_s: float) -> Finding:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_verify_locations(cafile)
    not_after_s = [ssl.cert_time_to_seconds(str(ca["notAfter"])) for ca in context.get_ca_certs()]
    if not any(now_s < ca_not_after_s for ca_not_after_s in not_after_s):
        message = f"{cafile} has no authority that is in date: no client is let in"
        return failed("http client tls", message, "the certificates of the authority that signs the clients'")
    return ok("http client tls", f"clients must show a certificate of {cafile}")


def _handshake(files: ServerTlsFiles, trusted_pem: str, *, ignore_validity: bool = False) -> dict[str, Any]:
    """Do a TLS handshake in memory with a client that trusts one certificate.

    Returns the certificate that the client sees. Raises ssl.SSLError, which is an OSError, where it refuses.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(cadata=trusted_pem)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if ignore_validity:
        client.verify_flags |= _NO_CHECK_TIME
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side = client.wrap_bio(to_client, to_server, server_side=False)
    server_side = files.context().wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_HANDSHAKE_ROUNDS):
        for side in (client_side, server_side):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return dict(client_side.getpeercert() or {})
