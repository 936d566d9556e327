"""A Kafka that is spoken to in every way that the settings know, and what a program is told for each.

One broker with a listener for each way, and two that show certificates that nobody should take; its own and
the authority it trusts are files that a test may replace before it starts it again.
"""

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path

from tests.rig.certificates import Authority, Pair, replace
from tests.rig.kafka import RealKafka
from tests.rig.kafka_jars import java_command
from tests.rig.reaper import temporary_folder

USER, PASSWORD = "bridge", "a-secret"
# What docs/howto/redis.md says that a Redis user needs, word by word.
RULES = "+ping +evalsha +eval +script|load +get +set +setrange +pexpire +del +time"
RULES_IN_A_CLUSTER = "+cluster|slots +command +asking"
RULES_AT_SENTINELS = "+sentinel|masters"
_LISTENERS = {
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "CLEAR": "SASL_PLAINTEXT",
    "LOGIN": "SASL_SSL",
    "TOKEN": "SASL_SSL",
    "OUTDATED": "SSL",
    "STRANGER": "SSL",
}
_MODULES = "org.apache.kafka.common.security"
_PLAIN = f'{_MODULES}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
_SCRAM = f"{_MODULES}.scram.ScramLoginModule required;"
_BEARER = (
    f'{_MODULES}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="the-broker";'
)
_HOUR_MS = "3600000"


class SecuredKafka:
    """``kafka`` is the broker, ``authority`` what signed its certificate, ``client`` a pair it trusts."""

    def __init__(self) -> None:
        self.folder = temporary_folder("rig-secured-")
        self.authority = Authority()
        self._authorities = [self.authority]
        self.client = self.authority.sign("client")
        names = ("broker.pem", "broker.key", "broker-both.pem")
        cert, key, both = (self.folder / name for name in names)
        self.server = Pair(cert=cert, key=key, both=both)
        self.server.become(self.authority.sign("broker"))
        self._outdated = self.authority.sign("outdated", days=-1)
        self._stranger = self.authority.sign("stranger", names=["DNS:elsewhere.example"])
        self.trusted = self.folder / "trusted.pem"
        replace(self.trusted, self.authority.ca)
        self.kafka = RealKafka(
            listeners=_LISTENERS, scram={USER: PASSWORD, f"{USER}-2": PASSWORD}, settings=self._properties()
        )

    def settings(self, listener: str, mechanism: str = "", folder: Path | None = None) -> dict[str, str]:
        """Give what a program needs to come by ``listener``; ``folder`` is where a token is put."""
        told = {"BOOTSTRAP_SERVERS": self.kafka.address(listener), "SECURITY_PROTOCOL": _LISTENERS[listener]}
        if told["SECURITY_PROTOCOL"].endswith("SSL"):
            told["SSL_CAFILE"] = str(self.authority.ca)
        if listener == "MUTUAL":
            told |= {"SSL_CERTFILE": str(self.client.cert), "SSL_KEYFILE": str(self.client.key)}
        if mechanism:
            told["SASL_MECHANISM"] = mechanism
        if mechanism == "OAUTHBEARER":
            told["SASL_TOKEN_FILE"] = str(write_token(folder or self.folder))
        elif mechanism:
            told |= {"SASL_USERNAME": USER, "SASL_PASSWORD": PASSWORD}
        return {f"BRIDGE_KAFKA__{name}": value for name, value in told.items()}

    def renew(self) -> None:
        """Change the authority: whoever trusts the old one, or shows a certificate of it, is left out."""
        self.authority = Authority("renewed")
        self._authorities.append(self.authority)
        self.client = self.authority.sign("client")
        self.server.become(self.authority.sign("broker"))
        replace(self.trusted, self.authority.ca)

    def change_password(self, user: str, password: str) -> None:
        """Give a user another password for SCRAM-SHA-512 (blocking); connections that are open stay so."""
        java, jars = java_command()
        what = f"SCRAM-SHA-512=[password={password}]"
        words = ["--alter", "--add-config", what, "--entity-type", "users", "--entity-name", user]
        tool = [java, "-XX:TieredStopAtLevel=1", "-cp", jars, "kafka.admin.ConfigCommand"]
        done = subprocess.run(  # noqa: S603 - the rig's own command
            [*tool, "--bootstrap-server", self.kafka.bootstrap, *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=180,
        )
        if done.returncode:
            raise RuntimeError(f"the password was not changed: {(done.stdout + done.stderr)[-2000:]}")

    def remove(self) -> None:
        """Kill it and remove all of its files."""
        self.kafka.remove()
        for authority in self._authorities:
            authority.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _properties(self) -> dict[str, str]:
        stores = {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.server.both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.trusted),
        }
        by_listener = {
            "mutual.ssl.client.auth": "required",
            "clear.sasl.enabled.mechanisms": "PLAIN",
            "clear.plain.sasl.jaas.config": _PLAIN,
            "login.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "login.plain.sasl.jaas.config": _PLAIN,
            "login.scram-sha-256.sasl.jaas.config": _SCRAM,
            "login.scram-sha-512.sasl.jaas.config": _SCRAM,
            "token.sasl.enabled.mechanisms": "OAUTHBEARER",
            "token.oauthbearer.sasl.jaas.config": _BEARER,
            # A connection ends with its token's life, at the latest; without this it would outlive it.
            "token.oauthbearer.connections.max.reauth.ms": _HOUR_MS,
            "outdated.ssl.keystore.location": str(self._outdated.both),
            "stranger.ssl.keystore.location": str(self._stranger.both),
        }
        return stores | {f"listener.name.{name}": value for name, value in by_listener.items()}


def write_token(folder: Path, lives_s: float = 3600) -> Path:
    """Put an unsecured token into ``folder``, in one step, and give its path; below 0 it is out of date."""
    now = time.time()
    claims = {"sub": USER, "iat": now + min(0, lives_s) - 1, "exp": now + lives_s}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "none"}, claims)
    ]
    fresh, path = folder / "token.fresh", folder / "token"
    fresh.write_text(".".join([*parts, ""]) + "\n")
    return fresh.replace(path)
