"""What every Kafka client of this program takes: addresses, TLS, login.

Nothing connects here. Secrets that lie in files are read again at each login, so that they may be renewed.
"""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from aiokafka.abc import AbstractTokenProvider

from bridge.aiokafka_internals import FilePassword, install_reset_safe_connections
from bridge.io.kafka.scram import install_scram_limit
from bridge.io.tls import ClientTlsFiles, ReloadingSSLContext
from bridge.settings.secret_files import reread_secret
from bridge.settings.sections import KafkaSettings


class _FileTokenProvider(AbstractTokenProvider):  # type: ignore[misc] # the library asks for this base, and is untyped
    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:
        return (await asyncio.to_thread(reread_secret, self._path)).strip()


def kafka_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return what every Kafka client takes: addresses, client id, TLS, login.

    Certificates, a token file and a password file are read again for each connection; with an aiokafka whose
    private parts are not known, the password for each producer.
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
            options["sasl_plain_password"] = FilePassword(partial(reread_secret, file)) if file else password
            install_reset_safe_connections()
    return options


def _path_text(path: Path | None) -> str | None:
    return str(path) if path else None
