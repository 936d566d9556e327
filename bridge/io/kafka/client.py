"""What every Kafka client of this program takes: addresses, TLS, login.

Nothing connects here. Secrets that lie in files are read again at each login, so that they may be renewed.
"""

import asyncio
from pathlib import Path
from typing import Any, Self

from aiokafka.abc import AbstractTokenProvider

from bridge.io.kafka.scram import install_scram_limit
from bridge.io.tls import ClientTlsFiles, ReloadingSSLContext
from bridge.settings.secret_files import reread_secret
from bridge.settings.sections import KafkaSettings


class _FileTokenProvider(AbstractTokenProvider):  # type: ignore[misc] # the library asks for this base, and is untyped
    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:
        return (await asyncio.to_thread(reread_secret, self._path)).strip()


class _ReloadingPassword(str):
    """A password in a file. The text is the file's when this was made; `encode` reads the file again.

    The library keeps a password for as long as a client lives; only SCRAM encodes it anew at each login.
    """

    __slots__ = ("_path",)
    _path: Path

    def __new__(cls, path: Path) -> Self:
        password = super().__new__(cls, reread_secret(path))
        password._path = path
        return password

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return reread_secret(self._path).encode(encoding, errors)


def kafka_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return what every Kafka client takes: addresses, client id, TLS, login.

    Certificates and a token file are read again for each connection; a password file only with SCRAM.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "client_id": kafka.client_id,
        "security_protocol": kafka.security_protocol,
    }
    if kafka.security_protocol.endswith("SSL"):
        cafile, certfile, keyfile = map(_path_text, (kafka.ssl_cafile, kafka.ssl_certfile, kafka.ssl_keyfile))
        options["ssl_context"] = ReloadingSSLContext(
            ClientTlsFiles(cafile=cafile, certfile=certfile, keyfile=keyfile)
        )
    if kafka.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = kafka.sasl_mechanism
        install_scram_limit()
        if kafka.sasl_token_file:
            options["sasl_oauth_token_provider"] = _FileTokenProvider(kafka.sasl_token_file)
        else:
            file, password = kafka.sasl_password_file, kafka.sasl_password.get_secret_value()
            options["sasl_plain_username"] = kafka.sasl_username
            options["sasl_plain_password"] = _ReloadingPassword(file) if file else password
    return options


def _path_text(path: Path | None) -> str | None:
    return str(path) if path else None
