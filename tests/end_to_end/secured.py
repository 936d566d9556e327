"""Each way in which Redis may be secured: start and stop, the settings of a program, whether it works."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from tests.end_to_end.notifications import new_task
from tests.end_to_end.senders import send
from tests.rig.certificates import Authority
from tests.rig.program import Program
from tests.rig.redis import RealRedis, Tls
from tests.rig.redis_topologies import SERVICE, RealCluster, RealSentinel
from tests.rig.secured import PASSWORD, RULES, RULES_AT_SENTINELS, RULES_IN_A_CLUSTER

_USER = f"bridge on >{PASSWORD} resetkeys ~vod:* -@all {RULES}"
_ASKING = f"bridge on >{PASSWORD} -@all {RULES_AT_SENTINELS}"


class SecuredRedis(Struct, frozen=True, kw_only=True):
    """Its servers and the settings that lead there; ``whole`` is what starts and removes them."""

    whole: RealRedis | RealSentinel | RealCluster
    servers: Sequence[RealRedis]
    settings: dict[str, str]

    def pause(self) -> None:
        """Freeze all of it."""
        for server in self.servers:
            server.pause()

    def resume(self) -> None:
        """Let it go on; whoever watches the others comes last."""
        for server in reversed(self.servers):
            server.resume()


def secured_redis(kind: str, authority: Authority) -> SecuredRedis:
    """Make ``tls``, ``mutual``, ``acl``, ``sentinel``, ``cluster``, ``sentinel-tls`` or ``cluster-tls``."""
    what, _, more = kind.partition("-")
    safe = more == "tls" or what in {"tls", "mutual"}
    pair = authority.sign(f"redis-{kind}")
    tls = Tls(pair=pair, ca=authority.ca, mutual=what == "mutual") if safe else None
    users = [_USER] if more or what == "acl" else []
    settings: dict[str, str] = {}
    whole: RealRedis | RealSentinel | RealCluster
    if what == "sentinel":
        whole = RealSentinel(users, [_ASKING] if more else [], tls)
        servers = whole.servers
        settings["SENTINEL_SERVICE"] = SERVICE
        if more:
            settings |= {"SENTINEL_USERNAME": "bridge", "SENTINEL_PASSWORD": PASSWORD}
    elif what == "cluster":
        whole = RealCluster([f"{_USER} {RULES_IN_A_CLUSTER}"] if more else [], tls)
        servers = whole.nodes
        settings["CLUSTER"] = "true"
    else:
        whole = RealRedis(users=users, tls=tls)
        servers = [whole]
    url = whole.tls_url if tls else whole.url
    settings["URL"] = url.replace("//", f"//bridge:{PASSWORD}@") if users else url
    if tls:
        settings["SSL_CAFILE"] = str(authority.ca)
    if what == "mutual":
        client = authority.sign("redis-client")
        settings |= {"SSL_CERTFILE": str(client.cert), "SSL_KEYFILE": str(client.key)}
    named = {f"BRIDGE_REDIS__{name}": value for name, value in settings.items()}
    return SecuredRedis(whole=whole, servers=servers, settings=named)


async def remembers(program: Program) -> bool:
    """Return whether Redis knows redeliveries: a process that knows of its absence remembers its own."""
    before = await program.metric("vod_bridge_dedup_claims_total", result="acquired")
    task = new_task() + "-probe"
    first, second = await send(program, task), await send(program, task)
    acquired = await program.metric("vod_bridge_dedup_claims_total", result="acquired") > before
    return acquired and (first.outcome, second.outcome) == ("published", "duplicate")


def toml(settings: dict[str, str], path: Path) -> dict[str, str]:
    """Put settings into a TOML file, which may name a secret's file; give what names that."""
    sections: dict[str, dict[str, str]] = {}
    for variable, value in settings.items():
        _, _, name = variable.partition("_")
        section, _, key = name.lower().partition("__")
        sections.setdefault(section, {})[key] = value
    lines = [
        line
        for section, values in sections.items()
        for line in (f"[{section}]", *(f'{key} = "{value}"' for key, value in values.items()))
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"BRIDGE_CONFIG": str(path)}
