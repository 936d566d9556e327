"""A control plane on loopback (etcd, API server, controllers, scheduler), and kubectl and helm for it."""

import json
import secrets
from pathlib import Path
from typing import Any

from tests.kube.binaries import Output, binary, run
from tests.rig.parts import Process, free_port
from tests.rig.waiting import eventually_blocking

FILES = Path(__file__).parent / "files"
VERSION = "1.36.4"
# Both families, so that Services of either can be asked for.
SERVICES = "10.96.0.0/24,fd00:10:96::/112"
STARTS_WITHIN_S = 90.0
HELM_WITHIN_S = 240.0


class Cluster:
    """One control plane with its data in ``folder``; `stop` ends its processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = secrets.token_hex(16)
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.kubeconfig = folder / "kubeconfig"
        self._processes: list[Process] = []
        self._pki = folder / "pki"

    def start(self) -> None:
        """Start it and wait (blocking) until it makes what a namespace needs."""
        self._pki.mkdir(parents=True)
        self._write_credentials()
        etcd, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.launch("etcd", *_etcd(self.folder / "etcd", etcd, peers))
        self.launch("kube-apiserver", *self._apiserver(etcd))
        eventually_blocking(
            lambda: self.kubectl("get", "--raw", "/readyz", must=False).good,
            f"the API server is ready; see {self.folder}/kube-apiserver.log",
            within_s=STARTS_WITHIN_S,
            every_s=0.25,
        )
        follows = [
            "--kubeconfig",
            str(self.kubeconfig),
            "--leader-elect=false",
            "--bind-address",
            "127.0.0.1",
        ]
        follows += ["--cert-dir", str(self._pki)]
        key = ["--service-account-private-key-file", str(self._pki / "sa.key")]
        port = ["--secure-port", str(free_port())]
        self.launch("kube-controller-manager", *follows, *key, *port, "--use-service-account-credentials")
        self.launch("kube-scheduler", *follows, "--secure-port", str(free_port()))
        eventually_blocking(
            lambda: self.kubectl("get", "serviceaccount", "default", must=False).good,
            f"the controllers work; see {self.folder}/kube-controller-manager.log",
            within_s=STARTS_WITHIN_S,
            every_s=0.25,
        )

    def stop(self) -> None:
        """End its processes, those that came last first."""
        for process in reversed(self._processes):
            process.stop(within_s=10)
        self._processes = []

    def launch(self, name: str, *words: str) -> Process:
        """Start a program that lives as long as the cluster; its log lies in the folder."""
        process = Process([binary(name), *words], self.folder / f"{name}.log")
        self._processes.append(process)
        return process

    def kubectl(self, *words: str, text: str = "", within_s: float = 120.0, must: bool = True) -> Output:
        """Run kubectl."""
        command = [binary("kubectl"), "--kubeconfig", str(self.kubeconfig), *words]
        return run(command, text=text, within_s=within_s, must=must)

    def helm(self, *words: str, within_s: float = HELM_WITHIN_S, must: bool = True) -> Output:
        """Run helm, with everything it keeps in the folder."""
        homes = {f"HELM_{name}_HOME": str(self.folder / "helm") for name in ("CACHE", "CONFIG", "DATA")}
        command = [binary("helm"), "--kubeconfig", str(self.kubeconfig), *words]
        return run(command, env=homes, within_s=within_s, must=must)

    def get(self, *words: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Read objects."""
        return json.loads(self.kubectl("get", *words, "-o", "json").out)

    def apply(self, *objects: dict[str, Any], space: str = "default") -> Output:
        """Apply objects."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        return self.kubectl("apply", "--server-side", "-n", space, "-f", "-", text=text)

    def _write_credentials(self) -> None:
        run(["openssl", "genrsa", "-out", str(self._pki / "sa.key"), "2048"])
        run(
            ["openssl", "rsa", "-in", str(self._pki / "sa.key"), "-pubout", "-out", str(self._pki / "sa.pub")]
        )
        (self._pki / "tokens.csv").write_text(f"{self.token},admin,admin,system:masters\n")
        cluster = {"server": self.url, "insecure-skip-tls-verify": True}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "kube", "cluster": cluster}],
            "users": [{"name": "kube", "user": {"token": self.token}}],
            "contexts": [{"name": "kube", "context": {"cluster": "kube", "user": "kube"}}],
            "current-context": "kube",
        }
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(config))

    def _apiserver(self, etcd: str) -> list[str]:
        words = {
            "etcd-servers": etcd,
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "secure-port": str(self.port),
            "cert-dir": str(self._pki),
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": str(self._pki / "sa.pub"),
            "service-account-signing-key-file": str(self._pki / "sa.key"),
            "token-auth-file": str(self._pki / "tokens.csv"),
            "authorization-mode": "RBAC",
            "service-cluster-ip-range": SERVICES,
            "admission-control-config-file": str(FILES / "admission.yaml"),
            "endpoint-reconciler-type": "none",
            "kubelet-preferred-address-types": "InternalIP",
        }
        return [f"--{name}={value}" for name, value in words.items()]


def _etcd(folder: Path, clients: str, peers: str) -> list[str]:
    words = {
        "name": "kube",
        "data-dir": str(folder),
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"kube={peers}",
        "log-level": "warn",
    }
    # Nothing here outlives the run.
    return [*(f"--{name}={value}" for name, value in words.items()), "--unsafe-no-fsync"]
