"""What Redis means by an error: its code, what that is in plain words, and what to do.

Errors are told apart by type and code, never by the words that follow: those differ between releases and
servers, and may repeat what was sent.
"""

import re

from msgspec import Struct
from redis import exceptions

# A Redis before 7 puts what a script met behind its own words: "Error running script (…): …: -OOM command".
_IN_SCRIPT = re.compile(r": -?([A-Z]{3,}) ")
_CODE = re.compile(r"-?([A-Z]{3,})(?: |$)")

_CODES_OF_TYPES: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.ReadOnlyError, "READONLY"),
    (exceptions.OutOfMemoryError, "OOM"),
    (exceptions.NoPermissionError, "NOPERM"),
    (exceptions.AuthenticationError, "NOAUTH"),
    (exceptions.BusyLoadingError, "LOADING"),
    (exceptions.MasterDownError, "MASTERDOWN"),
    (exceptions.ClusterDownError, "CLUSTERDOWN"),
)


class Refusal(Struct, frozen=True, kw_only=True):
    """Why a Redis that answers does not do what it is asked: ``what``, and ``todo`` about it."""

    what: str
    todo: str


REFUSALS = {
    "OOM": Refusal(
        what="Redis is full (maxmemory) and refuses writes",
        todo="raise maxmemory, or remove what else is stored there; keep maxmemory-policy noeviction",
    ),
    "READONLY": Refusal(
        what="this Redis is a replica and takes no writes",
        todo="name the primary; after a failover its address must lead to the new one",
    ),
    "NOREPLICAS": Refusal(
        what="Redis refuses writes while too few replicas follow (min-replicas-to-write)",
        todo="bring the replicas back, or lower min-replicas-to-write",
    ),
    "MISCONF": Refusal(
        what="Redis refuses writes because it could not save to its disk (stop-writes-on-bgsave-error)",
        todo="see Redis' log: free its disk or mend the rights of its folder",
    ),
    "NOPERM": Refusal(
        what="this user may not run a command or use a key that deduplication needs",
        todo="grant the user +evalsha +eval +script|load +get +set +setrange +pexpire +del +time on ~vod:*",
    ),
    "NOAUTH": Refusal(
        what="Redis refuses the login",
        todo="correct the user and password in BRIDGE_REDIS__URL, or BRIDGE_REDIS__PASSWORD",
    ),
    "LOADING": Refusal(what="Redis is still loading its data", todo="wait until it has started"),
    "MASTERDOWN": Refusal(
        what="this Redis is a replica without a primary", todo="bring the primary back, or fail over"
    ),
    "CLUSTERDOWN": Refusal(
        what="the Redis Cluster serves no requests: some of its slots have no node",
        todo="bring the missing nodes back (redis-cli --cluster check)",
    ),
    "BUSY": Refusal(what="Redis is busy with somebody's script", todo="end that script (SCRIPT KILL)"),
}


def code_of(error: Exception) -> str:
    """Give the code of an error that Redis answered (``OOM``); empty where it has none, or gave no answer."""
    for kind, code in _CODES_OF_TYPES:
        if isinstance(error, kind):
            return code
    return code_in(str(error)) if isinstance(error, exceptions.ResponseError) else ""


def code_in(text: str) -> str:
    """Give the code in an error's text: its first word, or the one that a script met. Empty: none."""
    found = _CODE.match(text)
    code = found[1] if found else ""
    if code in ("", "ERR"):
        inner = _IN_SCRIPT.search(text)
        return inner[1] if inner else ""
    return code
