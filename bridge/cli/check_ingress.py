"""Check of the ingress: the certificate that it shows, as a client would see it, and what reads requests."""

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy

from bridge.cli.finding import Finding, failed, ok, warning
from bridge.io.tls import ServerTlsFiles
from bridge.settings.sections import HttpSettings

_SOON_S = 14 * 86_400
_DAY_S = 86_400
_FLIGHTS = 4  # more than a handshake in memory takes
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_CHECK = "http tls"
_RENEW = "renew it (cert-manager, certbot); the bridge follows the file"


def check_ingress(http: HttpSettings, now_s: float) -> list[Finding]:
    """Say how the ingress stands at ``now_s`` (unix seconds). That its key fits, the settings have seen."""
    found = []
    if HttpRequestParser is HttpRequestParserPy:
        what = "requests are read by aiohttp's Python parser, which is slower and less strict"
        found.append(warning("http parser", what, "install a wheel of aiohttp, unset AIOHTTP_NO_EXTENSIONS"))
    if http.tls_certfile and http.tls_keyfile:
        files = ServerTlsFiles(certfile=str(http.tls_certfile), keyfile=str(http.tls_keyfile))
        found += _check_certificate(files, now_s)
    if http.tls_client_cafile:
        found.append(_check_clients(http.tls_client_cafile, now_s))
    return found


def _check_certificate(files: ServerTlsFiles, now_s: float) -> list[Finding]:
    certificates = _PEM.findall(Path(files.certfile).read_text("utf-8"))
    try:
        shown = _seen(files, certificates[0], timeless=True)
    except (OSError, IndexError) as error:
        what = f"{files.certfile} cannot be shown: {error}"
        return [failed(_CHECK, what, "a PEM file of a server's certificate")]
    begins_s, ends_s = (ssl.cert_time_to_seconds(str(shown[end])) for end in ("notBefore", "notAfter"))
    until = datetime.fromtimestamp(ends_s, UTC).date().isoformat()
    if now_s >= ends_s:
        return [failed(_CHECK, f"{files.certfile} is out of date since {until}: no client goes on", _RENEW)]
    if now_s < begins_s:
        return [failed(_CHECK, f"{files.certfile} is not valid yet", "set the clock, or wait")]
    try:
        _seen(files, certificates[-1])
    except OSError as error:
        what = f"the chain in {files.certfile} does not hold: {error}"
        return [failed(_CHECK, what, "put the certificate first, then each one's issuer (fullchain.pem)")]
    return [_judged(files.certfile, _names(shown), ends_s - now_s, until)]


def _judged(certfile: str, names: str, seconds: float, until: str) -> Finding:
    if not names:
        todo = "one that is made for the name that is called"
        return failed(_CHECK, f"{certfile} names no host (subjectAltName): no client goes on", todo)
    if seconds < _SOON_S:
        return warning(_CHECK, f"{certfile} ends in {int(seconds / _DAY_S)} days, on {until}", _RENEW)
    return ok(_CHECK, f"{certfile} is for {names}, until {until}")


def _names(shown: dict[str, Any]) -> str:
    return ", ".join(value for _, value in shown.get("subjectAltName", ()))


def _check_clients(cafile: Path, now_s: float) -> Finding:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_verify_locations(cafile)
    ends_s = [ssl.cert_time_to_seconds(str(one["notAfter"])) for one in context.get_ca_certs()]
    if not any(now_s < end_s for end_s in ends_s):
        what = f"{cafile} has no authority that is in date: no client is let in"
        return failed("http client tls", what, "the certificates of the authority that signs the clients'")
    return ok("http client tls", f"clients must show a certificate of {cafile}")


def _seen(files: ServerTlsFiles, trusted: str, *, timeless: bool = False) -> dict[str, Any]:
    """Shake hands in memory with a client that trusts one certificate.

    Gives what it sees. Raises ssl.SSLError, which is an OSError, with what it objects to.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(cadata=trusted)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if timeless:
        client.verify_flags |= _NO_CHECK_TIME
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there, server_side=False)
    answering = files.context().wrap_bio(there, back, server_side=True)
    for _ in range(_FLIGHTS):
        for side in (asking, answering):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return dict(asking.getpeercert() or {})
