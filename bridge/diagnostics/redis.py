"""Diagnoses connections to Redis, Sentinel and Cluster: DNS, refused connections, time-outs, TLS, logins."""

import asyncio
import errno
import re
import socket
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from redis import exceptions
from redis.asyncio.sentinel import MasterNotFoundError

from bridge.diagnostics.problem import RESPONSE_TIMEOUT_S, Problem
from bridge.diagnostics.tls import SettingNames, diagnose_tls, explain_tls_error, find_cause, speaks_tls
from bridge.io.dedup.redis_client import redis_client, redis_tls_context
from bridge.settings.redis_url import host_urls
from bridge.settings.sections import RedisSettings

# RedisClusterException, for a cluster that cannot be used, is no RedisError.
CONNECT_ERRORS = (exceptions.RedisError, exceptions.RedisClusterException, OSError)
_REDIS_PORT, _SENTINEL_PORT = 6379, 26379
_PROBE_TIMEOUT_S = 1.0
_URL = "BRIDGE_REDIS__URL"
_NO_REDIS = "it may be no Redis, but Kafka or another server"
_CLUSTER_ACL = "grant the user +cluster|slots +command +asking"
# As the libraries write it where no cause is kept; a file's name in a text may hold a number or a word of it.
_REFUSED = re.compile(rf"\b(?:Error|Errno) {errno.ECONNREFUSED}\b|Connection refused")

Address = tuple[str, int]


def error_text(error: BaseException) -> str:
    """Return an error's text without the arguments that Redis repeats: those of a login are the password."""
    text = str(error) or type(error).__name__
    return re.sub(r",?\s*with args beginning with.*", "", text, flags=re.DOTALL | re.IGNORECASE)


async def diagnose(redis: RedisSettings) -> tuple[str, Problem] | None:
    """Connect as the bridge does; return (category, problem), or None where Redis responds."""
    client = redis_client(redis, 1, RESPONSE_TIMEOUT_S)
    try:
        await client.ping()
    except CONNECT_ERRORS as error:
        if isinstance(error, exceptions.NoPermissionError) and not redis.sentinel_service:
            return None
        return await redis_problem(redis, error)
    finally:
        await client.aclose()
    return None


async def redis_problem(redis: RedisSettings, error: Exception) -> tuple[str, Problem]:
    """Return (category, problem) for ``error``, in bounded time. Categories are those of `check`."""
    tls = await _tls_problem(redis, error)
    if tls is not None:
        return "tls", tls
    return _topology_error(redis, error) or _access_error(error, location_of(redis))


def location_of(redis: RedisSettings) -> str:
    """Return host and port, or the socket's path, without the login."""
    parts = [urlsplit(url) for url in host_urls(redis.url)]
    port = _SENTINEL_PORT if redis.sentinel_service else _REDIS_PORT
    return ",".join(f"{one.hostname}:{one.port or port}" if one.hostname else one.path for one in parts)


async def _tls_problem(redis: RedisSettings, error: Exception) -> Problem | None:
    context = redis_tls_context(redis)
    for address in _host_ports(redis):
        if context is None:
            if find_cause(error, ConnectionRefusedError) is None and await speaks_tls(
                address, _PROBE_TIMEOUT_S
            ):
                message = f"{address[0]}:{address[1]}: speaks TLS, and {_URL} does not begin with rediss://"
                return Problem(message=message, remedy="begin it with rediss://, or use the port without TLS")
            continue
        names = _setting_names(has_certificate=context.has_client_certificate)
        if await _speaks_plaintext(address):
            message = f"{address[0]}:{address[1]}: does not speak TLS, and {_URL} begins with rediss://"
            return Problem(message=message, remedy="begin it with redis://, or use its TLS port")
        found = await diagnose_tls(address, context, names)
        if found is not None:
            return found
    # The configured hosts may be fine, and the master or node that they redirect to may not.
    broken = find_cause(error, ssl.SSLError)
    if broken is not None and context is not None:
        return explain_tls_error(
            f"{location_of(redis)} (or where it leads)",
            broken,
            _setting_names(has_certificate=context.has_client_certificate),
        )
    return None


def _host_ports(redis: RedisSettings) -> list[Address]:
    port = _SENTINEL_PORT if redis.sentinel_service else _REDIS_PORT
    parts = [urlsplit(url) for url in host_urls(redis.url)]
    return [(one.hostname, one.port or port) for one in parts if one.hostname]


async def _speaks_plaintext(address: Address) -> bool:
    """Whether it responds to a PING in plaintext; Redis does not respond to a TLS handshake."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(b"PING\r\n")
                return await reader.read(1) in {b"+", b"-"}
            finally:
                writer.transport.abort()
    return False


def _topology_error(redis: RedisSettings, error: Exception) -> tuple[str, Problem] | None:
    location, name, text = location_of(redis), redis.sentinel_service, str(error)
    denied = find_cause(error, exceptions.NoPermissionError)
    if denied is not None:
        remedy = "grant the user +sentinel|masters there" if name else _CLUSTER_ACL
        return "permission", Problem(
            message=f"{location}: this user lacks a permission ({error_text(denied)})", remedy=remedy
        )
    if redis.cluster and "Cluster mode is not enabled" in text:
        return "cluster", Problem(message=f"{location}: no cluster", remedy="unset BRIDGE_REDIS__CLUSTER")
    if not isinstance(error, MasterNotFoundError):
        return None
    if "Authentication" in text:
        remedy = "correct BRIDGE_REDIS__SENTINEL_USERNAME and BRIDGE_REDIS__SENTINEL_PASSWORD"
        return "login", Problem(message=f"{location}: a sentinel refused the login", remedy=remedy)
    if " : " in text:
        message = (
            f"{location}: not every sentinel answers, and none that does knows a working master {name!r}"
        )
        return "sentinel", Problem(
            message=message, remedy="check the sentinels' addresses and the master's name"
        )
    return "sentinel", Problem(
        message=f"{location}: the sentinels know no working master {name!r}",
        remedy="correct BRIDGE_REDIS__SENTINEL_SERVICE, or check why that master is down",
    )


def _access_error(error: Exception, location: str) -> tuple[str, Problem]:
    text = str(error)
    if isinstance(error, exceptions.RedisClusterException) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # the error of the last node that was tried
    if isinstance(error, exceptions.AuthenticationError) or "NOAUTH" in text or "WRONGPASS" in text:
        remedy = f"correct user and password in {_URL}, or BRIDGE_REDIS__PASSWORD"
        return "login", Problem(message=f"{location}: the login was refused", remedy=remedy)
    return "address", _connection_error(error, location, text)


def _connection_error(error: Exception, location: str, text: str) -> Problem:
    if find_cause(error, socket.gaierror) is not None:
        return Problem(
            message=f"{location}: the name is not known here", remedy="check its spelling and the DNS"
        )
    if find_cause(error, ConnectionRefusedError) is not None or _REFUSED.search(text):
        return Problem(
            message=f"{location}: refused", remedy="nothing listens there; check the port, start Redis"
        )
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        return Problem(
            message=f"{location}: no answer within {RESPONSE_TIMEOUT_S:.0f} s",
            remedy="check the address, then firewalls, and how busy it is; it may be no Redis",
        )
    if isinstance(error, exceptions.InvalidResponse):
        return Problem(
            message=f"{location}: does not answer as a Redis does",
            remedy=f"check host and port of {_URL}: {_NO_REDIS}",
        )
    # The library's texts for a closed connection; with a cluster or sentinels it is one error of several.
    reset = find_cause(error, ConnectionResetError) is not None or "Connection reset by peer" in text
    if reset or "Connection closed by server" in text:
        return Problem(
            message=f"{location}: accepts the connection and closes it",
            remedy=f"check host and port of {_URL}: {_NO_REDIS}; then Redis' log",
        )
    return Problem(message=f"{location}: {error_text(error)}", remedy=f"check {_URL} and Redis' log")


def _setting_names(*, has_certificate: bool) -> SettingNames:
    return SettingNames(
        cafile="BRIDGE_REDIS__SSL_CAFILE",
        certfile="BRIDGE_REDIS__SSL_CERTFILE",
        keyfile="BRIDGE_REDIS__SSL_KEYFILE",
        address=_URL,
        plaintext_remedy=f"begin {_URL} with redis://, or use its TLS port",
        has_certificate=has_certificate,
    )
