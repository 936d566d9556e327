"""Nodes that only pretend to run pods (kwok), volumes that nobody mounts, and the operators' kinds."""

from typing import Any

from tests.kube.binaries import module_folder
from tests.kube.cluster import Cluster
from tests.rig.parts import free_port
from tests.rig.tools import crds
from tests.rig.yaml_text import read_yaml

KWOK = "sigs.k8s.io/kwok@v0.8.0"
STAGES = ("node/fast", "node/heartbeat-with-lease", "pod/fast")
NODES = ("node-a", "node-b", "node-c")
VOLUMES = 6


def install_kinds(cluster: Cluster) -> None:
    """Install the kinds of operators, which some values want."""
    names = []
    for file in crds():
        cluster.kubectl("apply", "--server-side", "-f", str(file))
        names.append(f"crd/{read_yaml(file.read_text(encoding='utf-8'))['metadata']['name']}")
    cluster.kubectl("wait", "--for=condition=Established", *names, "--timeout=30s")


def pretend_nodes(cluster: Cluster) -> None:
    """Let there be nodes and volumes, and wait (blocking) until the nodes are ready."""
    source = module_folder(KWOK) / "kustomize" / "stage"
    files = [file for stage in STAGES for file in sorted((source / stage).glob("*.yaml"))]
    stages = [file.read_text() for file in files if file.name != "kustomization.yaml"]
    config = cluster.folder / "stages.yaml"
    config.write_text("\n---\n".join(stages))
    words = {
        "kubeconfig": str(cluster.kubeconfig),
        "config": str(config),
        "manage-all-nodes": "true",
        "node-lease-duration-seconds": "40",
        "cidr": "10.1.0.0/24",
        "node-ip": "127.0.0.1",
        "server-address": f"127.0.0.1:{free_port()}",
    }
    cluster.launch("kwok", *(f"--{name}={value}" for name, value in words.items()))
    cluster.apply(*map(_node, NODES), *map(_volume, range(VOLUMES)))
    cluster.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")


def _node(name: str) -> dict[str, Any]:
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    zone = f"zone-{name[-1]}"
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": zone,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": capacity, "capacity": capacity},
    }


def _volume(number: int) -> dict[str, Any]:
    spec = {
        "capacity": {"storage": "5Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/nowhere"},
    }
    name = f"pretended-{number}"
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}
