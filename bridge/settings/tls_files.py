"""Checks that configured certificate and key files can be loaded, before anything connects or listens."""

from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext, create_default_context


def load_tls_files(cafile: Path | None, certfile: Path | None, keyfile: Path | None) -> None:
    """Raise `ValueError` if a TLS client cannot load these files. A key with a password is refused."""
    if bool(certfile) != bool(keyfile):
        raise ValueError("ssl_certfile and ssl_keyfile go together")
    try:
        context = create_default_context(cafile=cafile)
        if certfile:
            context.load_cert_chain(certfile, keyfile, password="")
    except OSError as error:  # ssl.SSLError is one too
        raise ValueError(f"ssl_cafile, ssl_certfile or ssl_keyfile cannot be used: {error}") from None


def load_server_tls_files(certfile: Path, keyfile: Path, client_cafile: Path | None) -> None:
    """Raise `ValueError` if a TLS server cannot load these files. A key with a password is refused."""
    context = SSLContext(PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certfile, keyfile, password="")
    except OSError as error:  # ssl.SSLError is one too
        raise ValueError(f"tls_certfile or tls_keyfile cannot be used: {error}") from None
    try:
        if client_cafile:
            context.load_verify_locations(client_cafile)
    except OSError as error:
        raise ValueError(f"tls_client_cafile cannot be used: {error}") from None
