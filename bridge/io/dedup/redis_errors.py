"""What an error of Redis means: its code, a plain text for it, and the remedy.

Errors are distinguished by type and code, never by the text that follows: it differs between releases and
servers, and may repeat what was sent.
"""

import re

from msgspec import Struct
from redis import exceptions

# A Redis before 7 puts a script's error behind its own text: "Error running script (…): …: -OOM command".
_SCRIPT_ERROR_CODE = re.compile(r": -?([A-Z]{3,}) ")
_ERROR_CODE = re.compile(r"-?([A-Z]{3,})(?: |$)")

_CODE_BY_TYPE: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.ReadOnlyError, "READONLY"),
    (exceptions.OutOfMemoryError, "OOM"),
    (exceptions.NoPermissionError, "NOPERM"),
    (exceptions.AuthenticationError, "NOAUTH"),
    (exceptions.BusyLoadingError, "LOADING"),
    (exceptions.MasterDownError, "MASTERDOWN"),
    (exceptions.ClusterDownError, "CLUSTERDOWN"),
)


class ErrorAdvice(Struct, frozen=True, kw_only=True):
    """Why a Redis that answers refuses commands, and what to do about it."""

    message: str
    remedy: str


ERROR_ADVICE = {
    "OOM": ErrorAdvice(
        message="Redis is full (maxmemory) and refuses writes",
        remedy="raise maxmemory, or remove what else is stored there; keep maxmemory-policy noeviction",
    ),
    "READONLY": ErrorAdvice(
        message="this Redis is a replica and takes no writes",
        remedy="name the primary; after a failover its address must lead to the new one",
    ),
    "NOREPLICAS": ErrorAdvice(
        message="Redis refuses writes while too few replicas follow (min-replicas-to-write)",
        remedy="bring the replicas back, or lower min-replicas-to-write",
    ),
    "MISCONF": ErrorAdvice(
        message="Redis refuses writes because it could not save to its disk (stop-writes-on-bgsave-error)",
        remedy="see Redis' log: free its disk or mend the rights of its folder",
    ),
    "NOPERM": ErrorAdvice(
        message="this user may not run a command or use a key that deduplication needs",
        remedy="grant the user +evalsha +eval +script|load +get +set +setrange +pexpire +del +time on ~vod:*",
    ),
    "NOAUTH": ErrorAdvice(
        message="Redis refuses the login",
        remedy="correct the user and password in BRIDGE_REDIS__URL, or BRIDGE_REDIS__PASSWORD",
    ),
    "LOADING": ErrorAdvice(message="Redis is still loading its data", remedy="wait until it has started"),
    "MASTERDOWN": ErrorAdvice(
        message="this Redis is a replica without a primary", remedy="bring the primary back, or fail over"
    ),
    "CLUSTERDOWN": ErrorAdvice(
        message="the Redis Cluster serves no requests: some of its slots have no node",
        remedy="bring the missing nodes back (redis-cli --cluster check)",
    ),
    "BUSY": ErrorAdvice(
        message="Redis is busy with somebody's script", remedy="end that script (SCRIPT KILL)"
    ),
}


def error_code(error: Exception) -> str:
    """Return the code of an error reply (``OOM``); empty if it has none, or there was no reply."""
    for error_type, code in _CODE_BY_TYPE:
        if isinstance(error, error_type):
            return code
    return parse_error_code(str(error)) if isinstance(error, exceptions.ResponseError) else ""


def parse_error_code(text: str) -> str:
    """Return the code in an error's text: its first word, or that of a script's error; else empty."""
    found = _ERROR_CODE.match(text)
    code = found[1] if found else ""
    if code in ("", "ERR"):
        inner = _SCRIPT_ERROR_CODE.search(text)
        return inner[1] if inner else ""
    return code
