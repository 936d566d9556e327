"""Checks of Redis: connection, login, scripts, eviction policy, clock."""

import time
from typing import Any

from redis import exceptions
from redis.asyncio import Redis, RedisCluster

from bridge.diagnostics.problem import RESPONSE_TIMEOUT_S
from bridge.diagnostics.redis import CONNECT_ERRORS, error_text, location_of, redis_problem
from bridge.io.dedup.redis_client import redis_client
from bridge.io.dedup.redis_errors import ERROR_ADVICE, error_code, parse_error_code
from bridge.operations.check.finding import Finding, failed, ok, warning
from bridge.settings.sections import RedisSettings

_MIN_VERSION = (6, 0)
_CLOCK_SKEW_MAX_S = 5.0
# The same commands as the bridge's own scripts; the key is deleted at the end. Returns what is refused.
_PROBE_SCRIPT = """
local refused = {}
local function try(command, ...)
  local reply = redis.pcall(command, ...)
  if type(reply) == 'table' and reply.err then
    refused[#refused + 1] = string.lower(command) .. '=' .. reply.err
  end
end
try('TIME')
try('SET', KEYS[1], '1', 'PX', 1000)
try('GET', KEYS[1])
try('SETRANGE', KEYS[1], 0, '2')
try('PEXPIRE', KEYS[1], 1000)
try('DEL', KEYS[1])
return refused
"""
_PROBE_KEY = "vod:{vod-bridge-check}:probe"
_Client = Redis | RedisCluster


async def check_redis(redis: RedisSettings) -> list[Finding]:
    """Check everything that deduplication needs, over a connection like the bridge's own."""
    client = redis_client(redis, 4, RESPONSE_TIMEOUT_S)
    location = location_of(redis)
    address_finding = ok("redis address", f"{location} answers")
    try:
        try:
            await client.ping()
        except CONNECT_ERRORS as error:
            # The further checks show what else a user without PING is missing.
            if not isinstance(error, exceptions.NoPermissionError) or redis.sentinel_service:
                part, problem = await redis_problem(redis, error)
                return [failed(f"redis {part}", problem.message, problem.remedy)]
            address_finding = warning(
                "redis address",
                f"{location}: this user lacks a permission ({error_text(error)})",
                "grant it +ping",
            )
        return [
            address_finding,
            await _check_scripts(client),
            *await _check_server(client, redis),
            await _check_clock(client),
        ]
    finally:
        await client.aclose()


async def _check_scripts(client: _Client) -> Finding:
    try:
        digest = await client.script_load(_PROBE_SCRIPT)
        await client.evalsha(digest, 1, _PROBE_KEY)
        refused = await client.eval(_PROBE_SCRIPT, 1, _PROBE_KEY)
    except exceptions.NoPermissionError as error:
        detail = error_text(error)
        return failed(
            "redis scripts", f"this user may not run them ({detail})", ERROR_ADVICE["NOPERM"].remedy
        )
    except CONNECT_ERRORS as error:
        refusal = ERROR_ADVICE.get(error_code(error))
        if refusal is not None:
            return failed("redis scripts", refusal.message, refusal.remedy)
        detail = error_text(error)
        return failed("redis scripts", f"they do not run ({detail})", "use a Redis with Lua scripting")
    refused_commands = dict(str(item, "utf-8", "replace").split("=", 1) for item in refused)
    for reason in refused_commands.values():
        refusal = ERROR_ADVICE.get(parse_error_code(reason))
        if refusal is not None and refusal is not ERROR_ADVICE["NOPERM"]:  # which names the commands
            return failed("redis scripts", refusal.message, refusal.remedy)
    if refused_commands:
        message = (
            f"this user's may not {', '.join(refused_commands)} ({next(iter(refused_commands.values()))})"
        )
        return failed("redis scripts", message, ERROR_ADVICE["NOPERM"].remedy)
    return ok("redis scripts", "Lua runs")


async def _check_server(client: _Client, redis: RedisSettings) -> list[Finding]:
    try:
        info: dict[str, Any] = await client.info("server") | await client.info("memory")
    except CONNECT_ERRORS as error:
        return [
            warning(
                "redis server", f"does not tell about itself ({error_text(error)})", "grant the user +info"
            )
        ]
    if info.get("redis_mode") == "sentinel":
        message = "a sentinel, which remembers nothing itself"
        return [failed("redis server", message, "set BRIDGE_REDIS__SENTINEL_SERVICE to its master's name")]
    if info.get("redis_mode") == "cluster" and not redis.cluster:
        message = "a node of a cluster: it takes the events of some applications only"
        return [failed("redis server", message, "set BRIDGE_REDIS__CLUSTER=true")]
    return [_check_version(str(info.get("redis_version", ""))), _check_eviction(info)]


def _check_version(version: str) -> Finding:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers and numbers < _MIN_VERSION:
        return failed("redis version", f"{version} is too old", "use Redis 6.0 or later")
    return ok("redis version", version or "not told")


def _check_eviction(info: dict[str, Any]) -> Finding:
    policy, limit = str(info.get("maxmemory_policy", "noeviction")), int(info.get("maxmemory", 0))
    if policy == "noeviction":
        return ok("redis eviction", "maxmemory-policy is noeviction")
    remedy = "set maxmemory-policy to noeviction"
    if limit:
        message = (
            f"maxmemory-policy is {policy}: it forgets events when memory is full, and redeliveries repeat"
        )
        return failed("redis eviction", message, remedy)
    return warning(
        "redis eviction", f"maxmemory-policy is {policy}; it drops keys once there is a limit", remedy
    )


async def _check_clock(client: _Client) -> Finding:
    asked_at = time.time()
    try:
        seconds, micros = await client.time()
    except CONNECT_ERRORS as error:
        return warning(
            "clock", f"cannot be compared with Redis ({error_text(error)})", "grant the user +time"
        )
    told = seconds + micros / 1_000_000
    skew = max(asked_at - told, told - time.time())  # a slow answer is no wrong clock
    if skew > _CLOCK_SKEW_MAX_S:
        message = f"differs from Redis by {skew:.0f} s; a signature is accepted from -60 s to +900 s"
        return warning("clock", message, "synchronise both (NTP)")
    return ok("clock", f"within {_CLOCK_SKEW_MAX_S:.0f} s of Redis")
