"""A real node: containerd, a kubelet and kube-proxy in the namespaces, and what its containers are asked."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

from tests.kube.binaries import run
from tests.kube.cluster import FILES, Cluster
from tests.kube.isolation import HOST
from tests.rig.parts import MissingPartError
from tests.rig.waiting import eventually_blocking

NAME = "kube"
PODS = "10.99.0.0/24"
OWNER = 10001


class Node:
    """The one node of the cluster; its programs end with the cluster's."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._folder = cluster.folder
        self._socket = cluster.folder / "containerd.sock"

    def start(self, images: list[Path]) -> None:
        """Start it with these images and wait (blocking) until it is ready."""
        (self._folder / "cni").mkdir()
        self._fill("network.conflist", self._folder / "cni" / "10-pods.conflist")
        containerd = shutil.which("containerd")
        if containerd is None:
            raise MissingPartError("kube", "containerd is not on PATH")
        config = self._fill("containerd.toml", self._folder / "containerd.toml")
        self._cluster.launch(containerd, "--config", str(config))
        eventually_blocking(lambda: self._ctr("version", must=False), "containerd answers", within_s=30)
        for image in images:
            self._ctr("images", "import", str(image))
        follows = ["--kubeconfig", str(self._cluster.kubeconfig), "--hostname-override", NAME]
        config = self._fill("kubelet.yaml", self._folder / "kubelet.yaml")
        words = ["--config", str(config), "--node-ip", HOST, "--root-dir", str(self._folder / "kubelet")]
        self._cluster.launch("kubelet", *follows, *words, "--cert-dir", str(self._folder / "kubelet-pki"))
        # The kernel's table of connections is the whole machine's: its size is left alone.
        alone = [f"--conntrack-{name}=0" for name in ("max-per-core", "min")]
        alone += [f"--conntrack-tcp-timeout-{name}=0" for name in ("established", "close-wait")]
        mode = ["--proxy-mode", "iptables", "--cluster-cidr", PODS]
        self._cluster.launch("kube-proxy", *follows, *mode, *alone)
        eventually_blocking(self._registered, "the node registers itself", within_s=60, every_s=0.5)
        self._cluster.kubectl("wait", "--for=condition=Ready", f"node/{NAME}", "--timeout=60s")

    def make_volumes(self, count: int) -> list[Path]:
        """Make so many volumes of folders on this machine."""
        folders = [self._folder / "volumes" / f"spool-{number}" for number in range(count)]
        for folder in folders:
            folder.mkdir(parents=True)
            os.chown(folder, OWNER, OWNER)  # no group is applied to folders of the host
        self._cluster.apply(*map(_volume, folders))
        return folders

    def volume_of(self, claim: str) -> Path:
        """Give the folder that a claim is bound to."""
        name = self._cluster.get("pvc", claim)["spec"]["volumeName"]
        return Path(self._cluster.get("pv", name)["spec"]["hostPath"]["path"])

    def pid_of(self, pod: dict[str, Any]) -> int:
        """Give the process id of a pod's one container."""
        container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
        for line in self._ctr("tasks", "ls").splitlines():
            words = line.split()
            if words[0] == container:
                return int(words[1])
        raise ProcessLookupError(f"no process of {container}")

    def kill(self, pod: dict[str, Any]) -> None:
        """Kill a pod's program as the kernel would for want of memory."""
        os.kill(self.pid_of(pod), signal.SIGKILL)

    def _registered(self) -> bool:
        return self._cluster.kubectl("get", "node", NAME, must=False).good

    def _fill(self, name: str, path: Path) -> Path:
        text = (FILES / name).read_text()
        path.write_text(text.replace("@FOLDER@", str(self._folder)).replace("@HOST@", HOST))
        return path

    def _ctr(self, *words: str, must: bool = True) -> str:
        return run(["ctr", "--address", str(self._socket), "-n", "k8s.io", *words], must=must).out


def _volume(folder: Path) -> dict[str, Any]:
    spec = {
        "capacity": {"storage": "5Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "hostPath": {"path": str(folder)},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": folder.name}, "spec": spec}
