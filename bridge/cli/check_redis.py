"""Checks of the Redis: reachable, let in, able to run scripts, not forgetting, with the right time."""

import time
from typing import Any

from redis import exceptions
from redis.asyncio import Redis, RedisCluster

from bridge.cli.finding import Finding, failed, ok, warning
from bridge.diagnostics.problem import RESPONSE_TIMEOUT_S
from bridge.diagnostics.redis import CONNECT_ERRORS, error_text, location_of, redis_problem
from bridge.io.dedup.redis_errors import ERROR_ADVICE, error_code, parse_error_code
from bridge.io.kafka.client import redis_client
from bridge.settings.sections import RedisSettings

_OLDEST = (6, 0)
_SKEW_S = 5.0
# The same commands as the bridge's own scripts; the key is gone at the end. Tells which are refused, and why.
_PROBE = """
local refused = {}
local function try(word, ...)
  local answer = redis.pcall(word, ...)
  if type(answer) == 'table' and answer.err then
    refused[#refused + 1] = string.lower(word) .. '=' .. answer.err
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
    """Check everything that remembering needs, connected as the bridge is."""
    client = redis_client(redis, 4, RESPONSE_TIMEOUT_S)
    place = location_of(redis)
    answers = ok("redis address", f"{place} answers")
    try:
        try:
            await client.ping()
        except CONNECT_ERRORS as error:
            # A user who may not even ping can still be told what else is missing.
            if not isinstance(error, exceptions.NoPermissionError) or redis.sentinel_service:
                part, trouble = await redis_problem(redis, error)
                return [failed(f"redis {part}", trouble.message, trouble.remedy)]
            answers = warning(
                "redis address", f"{place}: this user may not ask ({error_text(error)})", "grant it +ping"
            )
        return [
            answers,
            await _scripts(client),
            *await _server(client, redis),
            await _clock(client),
        ]
    finally:
        await client.aclose()


async def _scripts(client: _Client) -> Finding:
    try:
        digest = await client.script_load(_PROBE)
        await client.evalsha(digest, 1, _PROBE_KEY)
        refused = await client.eval(_PROBE, 1, _PROBE_KEY)
    except exceptions.NoPermissionError as error:
        words = error_text(error)
        return failed("redis scripts", f"this user may not run them ({words})", ERROR_ADVICE["NOPERM"].remedy)
    except CONNECT_ERRORS as error:
        refusal = ERROR_ADVICE.get(error_code(error))
        if refusal is not None:
            return failed("redis scripts", refusal.message, refusal.remedy)
        words = error_text(error)
        return failed("redis scripts", f"they do not run ({words})", "use a Redis with Lua scripting")
    told = dict(str(one, "utf-8", "replace").split("=", 1) for one in refused)
    for reason in told.values():
        refusal = ERROR_ADVICE.get(parse_error_code(reason))
        if refusal is not None and refusal is not ERROR_ADVICE["NOPERM"]:  # which names the commands
            return failed("redis scripts", refusal.message, refusal.remedy)
    if told:
        what = f"this user's may not {', '.join(told)} ({next(iter(told.values()))})"
        return failed("redis scripts", what, ERROR_ADVICE["NOPERM"].remedy)
    return ok("redis scripts", "Lua runs")


async def _server(client: _Client, redis: RedisSettings) -> list[Finding]:
    try:
        facts: dict[str, Any] = await client.info("server") | await client.info("memory")
    except CONNECT_ERRORS as error:
        return [
            warning(
                "redis server", f"does not tell about itself ({error_text(error)})", "grant the user +info"
            )
        ]
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
    except CONNECT_ERRORS as error:
        return warning(
            "clock", f"cannot be compared with Redis ({error_text(error)})", "grant the user +time"
        )
    skew = time.time() - (seconds + micros / 1_000_000)
    if abs(skew) > _SKEW_S:
        what = f"differs from Redis by {abs(skew):.0f} s; a signature is accepted from -60 s to +900 s"
        return warning("clock", what, "synchronise both (NTP)")
    return ok("clock", f"within {_SKEW_S:.0f} s of Redis")
