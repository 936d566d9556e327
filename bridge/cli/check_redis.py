"""Checks of the Redis: reachable, let in, able to run scripts, not forgetting, with the right time."""

import socket
import time
from typing import Any
from urllib.parse import urlsplit

from redis import exceptions
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.sentinel import MasterNotFoundError

from bridge.cli.finding import Finding, failed, ok, warning
from bridge.links import redis_client
from bridge.settings.addresses import addresses
from bridge.settings.sections import RedisSettings

_ANSWER_WITHIN_S = 5.0
_OLDEST = (6, 0)
_SKEW_S = 5.0
_ACL = "grant the user +evalsha +eval +script|load +get +set +setrange +pexpire +del +time on ~vod:*"
# The same commands as the bridge's own scripts; the key is gone at the end.
_PROBE = """
redis.call('TIME')
redis.call('SET', KEYS[1], '1', 'PX', 1000)
redis.call('SET', KEYS[1], redis.call('GET', KEYS[1]), 'KEEPTTL')
redis.call('SETRANGE', KEYS[1], 0, '2')
redis.call('PEXPIRE', KEYS[1], 1000)
return redis.call('DEL', KEYS[1])
"""
_PROBE_KEY = "vod:{vod-bridge-check}:probe"
# The library's word for a cluster that cannot be used is no RedisError.
_TROUBLE = (exceptions.RedisError, exceptions.RedisClusterException, OSError)
_Client = Redis | RedisCluster


async def check_redis(redis: RedisSettings) -> list[Finding]:
    """Check everything that remembering needs, connected as the bridge is."""
    client = redis_client(redis, 4, _ANSWER_WITHIN_S)
    try:
        await client.ping()
    except _TROUBLE as error:
        if not isinstance(error, exceptions.NoPermissionError):
            await client.aclose()
            return [_unled(error, redis) or _unreachable(error, _place(redis))]
    try:
        return [
            ok("redis address", f"{_place(redis)} answers"),
            await _scripts(client),
            *await _server(client, redis),
            await _clock(client),
        ]
    finally:
        await client.aclose()


def _unled(error: Exception, redis: RedisSettings) -> Finding | None:
    place, name, text = _place(redis), redis.sentinel_service, str(error)
    if "Cluster mode is not enabled" in text:
        return failed("redis cluster", f"{place}: no cluster", "unset BRIDGE_REDIS__CLUSTER")
    if not isinstance(error, MasterNotFoundError):
        return None
    if "Authentication" in text:
        todo = "mend BRIDGE_REDIS__SENTINEL_USERNAME and BRIDGE_REDIS__SENTINEL_PASSWORD"
        return failed("redis login", f"{place}: a sentinel refused the login", todo)
    if " : " in text:
        what = f"{place}: not every sentinel answers, and none that does knows a working master {name!r}"
        return failed("redis sentinel", what, "check the sentinels' addresses and the master's name")
    what = f"{place}: the sentinels know no working master {name!r}"
    return failed(
        "redis sentinel", what, "mend BRIDGE_REDIS__SENTINEL_SERVICE, or see why that master is down"
    )


def _unreachable(error: Exception, place: str) -> Finding:
    text = str(error)
    if isinstance(error, exceptions.RedisClusterException) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # why the last of its nodes could not be asked
    cause = error.__cause__ or error.__context__
    if isinstance(error, exceptions.AuthenticationError) or "NOAUTH" in text or "WRONGPASS" in text:
        return failed(
            "redis login", f"{place}: the login was refused", "mend user and password in BRIDGE_REDIS__URL"
        )
    if isinstance(cause, socket.gaierror):
        return failed(
            "redis address", f"{place}: the name is not known here", "check its spelling and the DNS"
        )
    if isinstance(cause, ConnectionRefusedError) or "refused" in text or "111" in text:
        return failed(
            "redis address", f"{place}: refused", "nothing listens there; check the port, start Redis"
        )
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        what = f"{place}: no answer within {_ANSWER_WITHIN_S:.0f} s"
        return failed(
            "redis address",
            what,
            "check the address, firewalls, and redis:// or rediss:// (TLS) as it speaks",
        )
    todo = "check BRIDGE_REDIS__URL; rediss:// where it speaks TLS, redis:// where it does not"
    return failed("redis address", f"{place}: {text or type(error).__name__}", todo)


async def _scripts(client: _Client) -> Finding:
    try:
        digest = await client.script_load(_PROBE)
        await client.evalsha(digest, 1, _PROBE_KEY)
        await client.eval(_PROBE, 1, _PROBE_KEY)
    except exceptions.NoPermissionError as error:
        return failed("redis scripts", f"this user may not run them ({error})", _ACL)
    except exceptions.ReadOnlyError:
        return failed("redis scripts", "this Redis is a replica and takes no writes", "name the primary")
    except _TROUBLE as error:
        if "NOPERM" in str(error) or "can't access" in str(error):
            return failed("redis scripts", f"they may not do their work ({error})", _ACL)
        return failed("redis scripts", f"they do not run ({error})", "use a Redis with Lua scripting")
    return ok("redis scripts", "Lua runs")


async def _server(client: _Client, redis: RedisSettings) -> list[Finding]:
    try:
        facts: dict[str, Any] = await client.info("server") | await client.info("memory")
    except _TROUBLE as error:
        return [warning("redis server", f"does not tell about itself ({error})", "grant the user +info")]
    if facts.get("redis_mode") == "sentinel":
        what = "a sentinel, which remembers nothing itself"
        return [failed("redis server", what, "set BRIDGE_REDIS__SENTINEL_SERVICE to its master's name")]
    if facts.get("redis_mode") == "cluster" and not redis.cluster:
        what = "a node of a cluster: it takes the events of some applications only"
        return [failed("redis server", what, "set BRIDGE_REDIS__CLUSTER=true")]
    return [_version(str(facts.get("redis_version", ""))), _policy(facts)]


def _version(version: str) -> Finding:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers and numbers < _OLDEST:
        return failed("redis version", f"{version} is too old", "use Redis 6.0 or later")
    return ok("redis version", version or "not told")


def _policy(facts: dict[str, Any]) -> Finding:
    policy, limit = str(facts.get("maxmemory_policy", "noeviction")), int(facts.get("maxmemory", 0))
    if policy == "noeviction":
        return ok("redis eviction", "maxmemory-policy is noeviction")
    todo = "set maxmemory-policy to noeviction"
    if limit:
        what = f"maxmemory-policy is {policy}: it forgets events when memory is full, and redeliveries repeat"
        return failed("redis eviction", what, todo)
    return warning(
        "redis eviction", f"maxmemory-policy is {policy}; it drops keys once there is a limit", todo
    )


async def _clock(client: _Client) -> Finding:
    try:
        seconds, micros = await client.time()
    except _TROUBLE as error:
        return warning("clock", f"cannot be compared with Redis ({error})", "grant the user +time")
    skew = time.time() - (seconds + micros / 1_000_000)
    if abs(skew) > _SKEW_S:
        what = f"differs from Redis by {abs(skew):.0f} s; a signature is accepted from -60 s to +900 s"
        return warning("clock", what, "synchronise both (NTP)")
    return ok("clock", f"within {_SKEW_S:.0f} s of Redis")


def _place(redis: RedisSettings) -> str:
    port = 26379 if redis.sentinel_service else 6379
    parts = [urlsplit(url) for url in addresses(redis.url)]
    return ",".join(f"{one.hostname}:{one.port or port}" if one.hostname else one.path for one in parts)
