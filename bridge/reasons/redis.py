"""Why a Redis, its sentinels or its cluster cannot be used: names, refusals, silence, TLS, logins."""

import asyncio
import re
import socket
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from redis import exceptions
from redis.asyncio.sentinel import MasterNotFoundError

from bridge.links import redis_client, redis_tls
from bridge.reasons.handshake import Names, cause_of, explained, speaks_tls, tls_trouble
from bridge.reasons.trouble import ANSWER_WITHIN_S, Trouble
from bridge.settings.addresses import addresses
from bridge.settings.sections import RedisSettings

# The library's word for a cluster that cannot be used is no RedisError.
TROUBLE = (exceptions.RedisError, exceptions.RedisClusterException, OSError)
_REDIS_PORT, _SENTINEL_PORT = 6379, 26379
_SPEAKS_WITHIN_S = 1.0
_URL = "BRIDGE_REDIS__URL"
_NO_REDIS = "it may be no Redis, but Kafka or another server"
_CLUSTER_ACL = "grant the user +cluster|slots +command +asking"

Address = tuple[str, int]


def words_of(error: BaseException) -> str:
    """Give what an error says, without the arguments that a Redis repeats: a login's are the password."""
    text = str(error) or type(error).__name__
    return re.sub(r",?\s*with args beginning with.*", "", text, flags=re.DOTALL | re.IGNORECASE)


async def trouble_now(redis: RedisSettings) -> tuple[str, Trouble] | None:
    """Try to reach it as the bridge does; None where it answers."""
    client = redis_client(redis, 1, ANSWER_WITHIN_S)
    try:
        await client.ping()
    except TROUBLE as error:
        if isinstance(error, exceptions.NoPermissionError) and not redis.sentinel_service:
            return None
        return await redis_trouble(redis, error)
    finally:
        await client.aclose()
    return None


async def redis_trouble(redis: RedisSettings, error: Exception) -> tuple[str, Trouble]:
    """Find out what is behind ``error``, in bounded time: which part of the way it is, and what to do."""
    tls = await _tls_trouble(redis, error)
    if tls is not None:
        return "tls", tls
    return _unled(redis, error) or _unreachable(error, place_of(redis))


def place_of(redis: RedisSettings) -> str:
    """Name where it is, without a login."""
    parts = [urlsplit(url) for url in addresses(redis.url)]
    port = _SENTINEL_PORT if redis.sentinel_service else _REDIS_PORT
    return ",".join(f"{one.hostname}:{one.port or port}" if one.hostname else one.path for one in parts)


async def _tls_trouble(redis: RedisSettings, error: Exception) -> Trouble | None:
    context = redis_tls(redis)
    for address in _addresses(redis):
        if context is None:
            if cause_of(error, ConnectionRefusedError) is None and await speaks_tls(
                address, _SPEAKS_WITHIN_S
            ):
                what = f"{address[0]}:{address[1]}: speaks TLS, and {_URL} does not begin with rediss://"
                return Trouble(what=what, todo="begin it with rediss://, or use the port without TLS")
            continue
        names = _names(shown=context.shows)
        if await _speaks_plainly(address):
            what = f"{address[0]}:{address[1]}: does not speak TLS, and {_URL} begins with rediss://"
            return Trouble(what=what, todo="begin it with redis://, or use its TLS port")
        found = await tls_trouble(address, context, names)
        if found is not None:
            return found
    # Those that were asked first may be well, and the master or node that they name not.
    broken = cause_of(error, ssl.SSLError)
    if broken is not None and context is not None:
        return explained(f"{place_of(redis)} (or where it leads)", broken, _names(shown=context.shows))
    return None


def _addresses(redis: RedisSettings) -> list[Address]:
    port = _SENTINEL_PORT if redis.sentinel_service else _REDIS_PORT
    parts = [urlsplit(url) for url in addresses(redis.url)]
    return [(one.hostname, one.port or port) for one in parts if one.hostname]


async def _speaks_plainly(address: Address) -> bool:
    """Tell whether it understands a word in the clear; a Redis would be silent to a TLS greeting."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_SPEAKS_WITHIN_S):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(b"PING\r\n")
                return await reader.read(1) in {b"+", b"-"}
            finally:
                writer.transport.abort()
    return False


def _unled(redis: RedisSettings, error: Exception) -> tuple[str, Trouble] | None:
    place, name, text = place_of(redis), redis.sentinel_service, str(error)
    denied = cause_of(error, exceptions.NoPermissionError)
    if denied is not None:
        todo = "grant the user +sentinel|masters there" if name else _CLUSTER_ACL
        return "permission", Trouble(what=f"{place}: this user may not ask ({words_of(denied)})", todo=todo)
    if redis.cluster and "Cluster mode is not enabled" in text:
        return "cluster", Trouble(what=f"{place}: no cluster", todo="unset BRIDGE_REDIS__CLUSTER")
    if not isinstance(error, MasterNotFoundError):
        return None
    if "Authentication" in text:
        todo = "mend BRIDGE_REDIS__SENTINEL_USERNAME and BRIDGE_REDIS__SENTINEL_PASSWORD"
        return "login", Trouble(what=f"{place}: a sentinel refused the login", todo=todo)
    if " : " in text:
        what = f"{place}: not every sentinel answers, and none that does knows a working master {name!r}"
        return "sentinel", Trouble(what=what, todo="check the sentinels' addresses and the master's name")
    return "sentinel", Trouble(
        what=f"{place}: the sentinels know no working master {name!r}",
        todo="mend BRIDGE_REDIS__SENTINEL_SERVICE, or see why that master is down",
    )


def _unreachable(error: Exception, place: str) -> tuple[str, Trouble]:
    text = str(error)
    if isinstance(error, exceptions.RedisClusterException) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # why the last of its nodes could not be asked
    if isinstance(error, exceptions.AuthenticationError) or "NOAUTH" in text or "WRONGPASS" in text:
        todo = f"mend user and password in {_URL}, or BRIDGE_REDIS__PASSWORD"
        return "login", Trouble(what=f"{place}: the login was refused", todo=todo)
    return "address", _silent(error, place, text)


def _silent(error: Exception, place: str, text: str) -> Trouble:
    if cause_of(error, socket.gaierror) is not None:
        return Trouble(what=f"{place}: the name is not known here", todo="check its spelling and the DNS")
    if cause_of(error, ConnectionRefusedError) is not None or "refused" in text or "111" in text:
        return Trouble(what=f"{place}: refused", todo="nothing listens there; check the port, start Redis")
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        return Trouble(
            what=f"{place}: no answer within {ANSWER_WITHIN_S:.0f} s",
            todo="check the address, then firewalls, and how busy it is; it may be no Redis",
        )
    if isinstance(error, exceptions.InvalidResponse):
        return Trouble(
            what=f"{place}: does not answer as a Redis does",
            todo=f"check host and port of {_URL}: {_NO_REDIS}",
        )
    # The library's words for an end of the stream; in a cluster or behind sentinels it is one of several.
    reset = cause_of(error, ConnectionResetError) is not None or "Connection reset by peer" in text
    if reset or "Connection closed by server" in text:
        return Trouble(
            what=f"{place}: takes the connection and hangs up",
            todo=f"check host and port of {_URL}: {_NO_REDIS}; then Redis' log",
        )
    return Trouble(what=f"{place}: {words_of(error)}", todo=f"check {_URL} and Redis' log")


def _names(*, shown: bool) -> Names:
    return Names(
        cafile="BRIDGE_REDIS__SSL_CAFILE",
        certfile="BRIDGE_REDIS__SSL_CERTFILE",
        keyfile="BRIDGE_REDIS__SSL_KEYFILE",
        address=_URL,
        clear=f"begin {_URL} with redis://, or use its TLS port",
        shown=shown,
    )
