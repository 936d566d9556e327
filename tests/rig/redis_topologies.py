"""Several real Redis together, for tests: a master with a replica and a sentinel, and a cluster of three."""

from collections.abc import Sequence

from tests.rig.parts import free_port
from tests.rig.redis import RealRedis, Tls
from tests.rig.waiting import eventually_blocking

SERVICE = "events"
_SLOTS = 16_384
_BUS = 10_000  # a node of a cluster listens on this many ports higher, too


class RealSentinel:
    """A master, a replica that has all of it, and a sentinel that may make the one the other.

    ``users`` are ACL users of the two, ``asking`` those of the sentinel. With ``tls`` all of them speak it to
    each other and to clients, at ``tls_url``. Nobody is taken for dead before `watch_closely`: a master of a
    busy machine is silent for seconds.
    """

    def __init__(self, users: Sequence[str] = (), asking: Sequence[str] = (), tls: Tls | None = None) -> None:
        own = {"tls-replication": "yes"} if tls else {}
        self.master = RealRedis(
            own | {"repl-diskless-sync": "yes", "repl-diskless-sync-delay": "0"}, users, tls=tls
        )
        port = self.master.tls_port if tls else self.master.port
        self.replica = RealRedis(own | {"replicaof": f"127.0.0.1 {port}"}, users, tls=tls)
        self.sentinel = RealRedis(
            own
            | {
                f"sentinel monitor {SERVICE}": f"127.0.0.1 {port} 1",
                f"sentinel down-after-milliseconds {SERVICE}": "600000",
                f"sentinel failover-timeout {SERVICE}": "3000",
            },
            asking,
            tls=tls,
        )
        self.url, self.tls_url = self.sentinel.url, self.sentinel.tls_url

    @property
    def servers(self) -> list[RealRedis]:
        """All of them."""
        return [self.sentinel, self.replica, self.master]

    def start(self) -> None:
        """Start them and wait (blocking) until a failover is possible."""
        self.master.start()
        self.replica.start()
        eventually_blocking(
            lambda: _info_contains(self.replica, "master_link_status:up"), "the replica has all of it"
        )
        self.sentinel.start()
        eventually_blocking(
            lambda: _info_contains(self.sentinel, "slaves=1"), "the sentinel knows of the replica"
        )

    def watch_closely(self) -> None:
        """Let the sentinel make the replica the master when the master does not answer for 300 ms."""
        order = ("SENTINEL", "SET", SERVICE, "down-after-milliseconds", "300")
        if self.sentinel.command(*order) != b"+OK":
            raise RuntimeError("the sentinel refuses the order")

    def change_over(self) -> bool:
        """Tell the sentinel to make the replica the master; not at once it knows the replica well enough."""
        return self.sentinel.command("SENTINEL", "FAILOVER", SERVICE) == b"+OK"

    def promoted(self) -> bool:
        """Tell whether the replica is a master by now."""
        return _info_contains(self.replica, "role:master")

    def remove(self) -> None:
        """Kill them and remove their folders."""
        for server in self.servers:
            server.remove()


class RealCluster:
    """Three masters that share the slots; ``users`` and ``tls`` as a single one has them."""

    def __init__(self, users: Sequence[str] = (), tls: Tls | None = None) -> None:
        settings = {"cluster-enabled": "yes", "cluster-node-timeout": "60000"}
        settings |= {"tls-cluster": "yes"} if tls else {}
        ports = [free_port(also=_BUS) for _ in range(6)]
        pairs = zip(ports[:3], ports[3:], strict=True)
        self._port_attribute = "tls_port" if tls else "port"
        self.nodes = [RealRedis(settings, users, port, tls, tls_port) for port, tls_port in pairs]
        self.url, self.tls_url = self.nodes[0].url, self.nodes[0].tls_url

    def start(self) -> None:
        """Start them and wait (blocking) until each takes commands."""
        share = -(-_SLOTS // len(self.nodes))
        for index, node in enumerate(self.nodes):
            node.start()
            slots = range(index * share, min((index + 1) * share, _SLOTS))
            node.command("CLUSTER", "ADDSLOTS", *map(str, slots))
            node.command("CLUSTER", "MEET", "127.0.0.1", str(getattr(self.nodes[0], self._port_attribute)))
        eventually_blocking(lambda: all(map(_is_cluster_ok, self.nodes)), "the cluster is whole")

    def flush(self) -> None:
        """Forget everything."""
        for node in self.nodes:
            node.flush()

    def remove(self) -> None:
        """Kill them and remove their folders."""
        for node in self.nodes:
            node.remove()


def _info_contains(server: RealRedis, line: str) -> bool:
    try:
        return line in server.ask("INFO")
    except OSError:  # it changes its role, and ends its connections
        return False


def _is_cluster_ok(node: RealRedis) -> bool:
    info = node.ask("CLUSTER", "INFO")
    return "cluster_state:ok" in info and "cluster_known_nodes:3" in info
