"""What a single value may look like, and how one that does not fit is told.

Which settings there are is told in `sections`.
"""

import re
from string import Formatter
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, ByteSize, Field, SecretStr


def _matching(pattern: str, meaning: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {meaning}")
        return value

    return AfterValidator(check)


def _topic_template(value: str) -> str:
    try:
        fields = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
        fits = fields <= {"type", "app"} and _TOPIC.fullmatch(value.format(type="t", app="a"))
    except (ValueError, LookupError):
        fits = None
    if not fits:
        raise ValueError("must be letters, digits, '.', '_', '-', with {type} and {app} where wanted")
    return value


def _reachable(url: str) -> str:
    """Refuse what the client library would refuse only when it connects, or read as something else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("must have a port from 1 to 65535") from None
    if port == 0:
        raise ValueError("must have a port from 1 to 65535")
    if parts.scheme != "unix" and not re.fullmatch(r"/?\d*", parts.path, re.ASCII):
        raise ValueError("must have a database number after the host, or nothing")
    options = parse_qsl(parts.query, keep_blank_values=True)
    allowed = _URL_OPTIONS + (_TLS_OPTIONS if parts.scheme == "rediss" else ())
    if any(name not in allowed for name, _ in options):
        raise ValueError(f"may have after the '?' only {', '.join(allowed)}")
    if any(name == "db" and not value.isdecimal() for name, value in options):
        raise ValueError("must have a number as db")
    return url


# What remains of the client library's options is chosen here and not from outside.
_URL_OPTIONS = ("db", "username", "password", "client_name")
_TLS_OPTIONS = (
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_cert_reqs",
    "ssl_check_hostname",
)

# Kafka's limit is 249; the longest type and application name have to fit in.
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,160}")
_BROKER = r"(\[[0-9A-Fa-f:.]+\]|[^\s,:]+):\d{1,5}"

Topic = Annotated[str, _matching(r"[A-Za-z0-9._-]{1,249}", "1 to 249 letters, digits, '.', '_', '-'")]
TopicTemplate = Annotated[str, AfterValidator(_topic_template)]
Brokers = Annotated[str, _matching(rf"{_BROKER}(\s*,\s*{_BROKER})*", "host:port, comma-separated")]
RedisUrl = Annotated[
    str,
    _matching(r"(redis|rediss|unix)://\S+", "redis://host:port/db, rediss://… or unix:///path"),
    AfterValidator(_reachable),
]
Endpoint = Annotated[str, _matching(r"((https?://)?[^\s/:]+(:\d+)?/?)?", "a host or an http(s) URL")]
Host = Annotated[str, Field(min_length=1)]
Port = Annotated[int, Field(ge=0, le=65535)]
Secret = Annotated[SecretStr, Field(min_length=1)]
Bytes = Annotated[ByteSize, Field(ge=1)]
