"""The types of single settings, with their checks and error messages. `sections` uses them."""

import re
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    FilePath,
    GetJsonSchemaHandler,
    IPvAnyNetwork,
    SecretStr,
)

from bridge.settings.redis_url import check_hostname, check_url
from bridge.settings.secret_files import read_secret


@dataclass(frozen=True, slots=True)
class _MatchValidator(AfterValidator):
    """A check by a pattern, which the JSON schema of the settings says as well."""

    pattern: str

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:  # noqa: ANN401 - pydantic's signature
        return {**handler(schema), "pattern": f"^({self.pattern})$"}


def _match_validator(pattern: str, meaning: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {meaning}")
        return value

    return _MatchValidator(check, pattern)


def _split_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _check_topic_template(value: str) -> str:
    try:
        fields = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
        fits = fields <= {"type", "app"} and _TOPIC.fullmatch(value.format(type="t", app="a"))
    except (ValueError, LookupError):
        fits = None
    if not fits:
        raise ValueError("must be letters, digits, '.', '_', '-', with {type} and {app} where wanted")
    return value


def _check_brokers(value: str) -> str:
    for each in value.split(","):
        host, _, port = each.strip().rpartition(":")
        check_hostname(host.strip("[]"))
        if not 1 <= int(port) <= _PORT_MAX:
            raise ValueError("must have ports from 1 to 65535")
    return value


def _check_peers(value: str) -> str:
    for port in re.findall(r":(\d{1,5})\s*(?:,|$)", re.sub(r"\[[^\]]*\]", "", value)):
        if not 1 <= int(port) <= _PORT_MAX:
            raise ValueError("must have ports from 1 to 65535")
    return value


def _check_readable(path: Path) -> Path:
    try:
        read_secret(path)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    return path


# Kafka's limit is 249; the longest type and application name have to fit in.
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,160}")
_PORT_MAX = 65535
_PEER = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?"
_BROKER = r"(\[[0-9A-Fa-f:.]+\]|[^\s,:]+):\d{1,5}"

Topic = Annotated[str, _match_validator(r"[A-Za-z0-9._-]{1,249}", "1 to 249 letters, digits, '.', '_', '-'")]
TopicTemplate = Annotated[str, AfterValidator(_check_topic_template)]
Brokers = Annotated[
    str,
    _match_validator(rf"{_BROKER}(\s*,\s*{_BROKER})*", "host:port, comma-separated"),
    AfterValidator(_check_brokers),
]
RedisUrl = Annotated[
    str,
    _match_validator(r"(redis|rediss|unix)://\S+", "redis://host:port/db, rediss://… or unix:///path"),
    AfterValidator(check_url),
]
Endpoint = Annotated[str, _match_validator(r"((https?://)?[^\s/:]+(:\d+)?/?)?", "a host or an http(s) URL")]
PublicUrl = Annotated[
    str,
    _match_validator(
        r"(https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~%/-]*)?)?", "an http(s) URL without login and query"
    ),
]
Uri = Annotated[
    str,
    _match_validator(
        r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#@!$&()*+,;=%-]*",
        "the start of a URI, like urn:… or https://…",
    ),
]
Host = Annotated[str, Field(pattern=r"^\S*$")]
HostNames = Annotated[
    str,
    _match_validator(
        r"([A-Za-z0-9.-]+(\s*,\s*[A-Za-z0-9.-]+)*)?", "host names without ports, comma-separated"
    ),
]
Peers = Annotated[
    str,
    _match_validator(
        rf"({_PEER}(\s*,\s*{_PEER})*)?", "host or host:port, comma-separated; IPv6 addresses in brackets"
    ),
    AfterValidator(_check_peers),
]
Networks = Annotated[tuple[IPvAnyNetwork, ...], BeforeValidator(_split_list)]
Port = Annotated[int, Field(ge=0, le=65535)]
Secret = Annotated[SecretStr, Field(min_length=1)]
SecretFile = Annotated[FilePath, AfterValidator(_check_readable)]
PositiveBytes = Annotated[ByteSize, Field(ge=1)]
# Kafka and Redis take the same three files.
CaFile = Annotated[
    FilePath | None,
    Field(description="Certificates to trust; the system's where not set. Read again when renewed."),
]
CertFile = Annotated[
    FilePath | None,
    Field(description="The bridge's own certificate, for mutual TLS. Read again when renewed."),
]
KeyFile = Annotated[
    FilePath | None, Field(description="The key of that certificate. Read again when renewed.")
]
