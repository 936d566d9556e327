"""Finds settings that are valid but weak, or maybe a mistake: one line each, for `check` and the start.

The lines show nothing of a secret but its length.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from bridge.settings.apps import AppSettings
from bridge.settings.kafka import KafkaSettings
from bridge.settings.redis import RedisSettings
from bridge.settings.redis_url import host_urls
from bridge.settings.secret_files import SecretFileError, read_secret
from bridge.settings.sections import AdminSettings

_LENGTH_MIN = 16
_LONGER_REMEDY = f"use {_LENGTH_MIN} or more random letters and digits"


class Weakness(NamedTuple):
    """A weak setting, and what to do about it."""

    message: str
    remedy: str


def weaknesses(
    apps: Mapping[str, AppSettings],
    kafka: KafkaSettings,
    redis: RedisSettings,
    admin: AdminSettings | None = None,
) -> list[Weakness]:
    """Return all weaknesses; with no application configured, the default one is unsigned."""
    found = [
        Weakness(
            f"application {name}: unsigned and without a token: anyone who reaches the port can publish",
            "set a sign_key or a token for it (BRIDGE_APPS__<NAME>__SIGN_KEY, …__TOKEN)",
        )
        for name, app in (apps or {"default": AppSettings()}).items()
        if app.mode == "push" and not (app.sign_key or app.sign_keys or app.token)
    ]
    for name, app in apps.items():
        found += _application_weaknesses(name, app)
    found += [*_kafka_weaknesses(kafka), *_redis_weaknesses(redis)]
    for name in ("token", "read_token"):
        secret = getattr(admin, name, None)
        found += _short_secret(f"BRIDGE_ADMIN__{name.upper()}", secret.get_secret_value() if secret else "")
    return found


def _application_weaknesses(name: str, app: AppSettings) -> Iterator[Weakness]:
    prefix = f"BRIDGE_APPS__{name.replace('-', '_').upper()}__"
    if app.token:
        yield from _short_secret(f"{prefix}TOKEN", app.token.get_secret_value())
    for key in app.sign_keys or ((app.sign_key,) if app.sign_key else ()):
        variable = f"{prefix}SIGN_KEY{'S' if app.sign_keys else ''}"
        text = key.get_secret_value()
        if not re.fullmatch(r"[A-Za-z0-9]+", text):
            yield Weakness(
                f"{variable} is not letters and digits alone: blanks, quotes or a line end may have got in",
                "compare it with the key that the vendor's console shows",
            )
        yield from _short_secret(variable, text)
    if app.signature == "optional":
        yield Weakness(
            f"application {name}: signature is optional: an unsigned notification is published",
            f"set {prefix}SIGNATURE=required once the vendor signs",
        )
    if app.mode == "pull" and app.sub_app_id is None:
        yield Weakness(
            f"application {name}: without sub_app_id only accounts of before 2023-12-25 are served",
            "nothing, if that is what was meant",
        )
    if app.endpoint.startswith("http://") and not _is_local(urlsplit(app.endpoint).hostname):
        yield Weakness(
            f"{prefix}ENDPOINT is http://: request signatures and events cross the network in the clear",
            "use https://",
        )


def _kafka_weaknesses(kafka: KafkaSettings) -> Iterator[Weakness]:
    if kafka.security_protocol.startswith("SASL"):
        password = kafka.sasl_password.get_secret_value()
        if kafka.sasl_password_file:
            with suppress(OSError, SecretFileError):
                password = read_secret(kafka.sasl_password_file)
        yield from _short_secret("BRIDGE_KAFKA__SASL_PASSWORD", password)
    hosts = [part.strip().rpartition(":")[0] for part in kafka.bootstrap_servers.split(",")]
    if kafka.security_protocol == "SASL_PLAINTEXT" and not all(map(_is_local, hosts)):
        yield Weakness(
            "BRIDGE_KAFKA__SECURITY_PROTOCOL is SASL_PLAINTEXT: the login crosses the network in the clear",
            "use SASL_SSL",
        )


def _redis_weaknesses(redis: RedisSettings) -> Iterator[Weakness]:
    first, *_ = hosts_parsed = [urlsplit(url) for url in host_urls(redis.url)]
    options = dict(parse_qsl(first.query))
    password = unquote(first.password or "") or options.get("password", "")
    password = password or redis.password.get_secret_value()
    sentinel_login_password = redis.sentinel_password.get_secret_value()
    with suppress(OSError, SecretFileError):
        if redis.password_file:
            password = read_secret(redis.password_file)
        if redis.sentinel_password_file:
            sentinel_login_password = read_secret(redis.sentinel_password_file)
    yield from _short_secret("BRIDGE_REDIS__PASSWORD (or the URL's)", password)
    yield from _short_secret("BRIDGE_REDIS__SENTINEL_PASSWORD", sentinel_login_password)
    remote = not all(_is_local(host_parsed.hostname) for host_parsed in hosts_parsed)
    if (password or sentinel_login_password) and first.scheme == "redis" and remote:
        yield Weakness(
            "BRIDGE_REDIS__URL is redis:// with a password: the login crosses the network in the clear",
            "use rediss://",
        )
    if options.get("ssl_cert_reqs", "required") != "required" or options.get(
        "ssl_check_hostname", "true"
    ).lower() in ("false", "0", "no", "f", "n"):
        yield Weakness(
            "BRIDGE_REDIS__URL switches the check of Redis' certificate off: anyone between can pose as it",
            "leave ssl_cert_reqs and ssl_check_hostname out, and set BRIDGE_REDIS__SSL_CAFILE",
        )


def _short_secret(variable: str, secret: str) -> Iterator[Weakness]:
    if 0 < len(secret) < _LENGTH_MIN:
        length = f"{len(secret)} character{'' if len(secret) == 1 else 's'}"
        yield Weakness(f"{variable} has {length}: it can be guessed", _LONGER_REMEDY)


def _is_local(host: str | None) -> bool:
    name = (host or "localhost").strip("[]")
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
