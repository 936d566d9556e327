"""The chart, installed: the values of this run, and what is asked of the release."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from tests.end_to_end.environment import Environment
from tests.kube.binaries import Output
from tests.kube.cluster import Cluster
from tests.kube.isolation import HOST
from tests.rig.parts import ROOT

CHART = str(ROOT / "deploy" / "chart")
NAME = "bridge"
SERVICE = "bridge-vod-event-bridge"
PODS = "app.kubernetes.io/instance=bridge,app.kubernetes.io/component=bridge"
WAITS = ["--wait", "--timeout", "3m"]


class Release(Struct, frozen=True, kw_only=True):
    """One release in the namespace ``default``."""

    cluster: Cluster
    values: list[str]

    def install(self) -> Output:
        """Install it and wait until it is ready."""
        return self.cluster.helm("install", NAME, CHART, *WAITS, *_set(self.values), must=False)

    def upgrade(self, *values: str) -> Output:
        """Change some values, and wait."""
        words = ["--reuse-values", *WAITS, *_set(values)]
        return self.cluster.helm("upgrade", NAME, CHART, *words, must=False)

    def test(self) -> Output:
        """Run the chart's own test."""
        return self.cluster.helm("test", NAME, "--logs", "--timeout", "2m", must=False)

    def scale(self, replicas: int) -> Output:
        """Scale it past the chart, as a person or an autoscaler would."""
        return self.cluster.kubectl("scale", f"statefulset/{SERVICE}", f"--replicas={replicas}")

    def pods(self) -> list[dict[str, Any]]:
        """Give its pods."""
        found: list[dict[str, Any]] = self.cluster.get("pods", "-l", PODS)["items"]
        return found

    def inside(self, pod: str, *words: str) -> Output:
        """Run a command in a pod's container."""
        return self.cluster.kubectl("exec", pod, "--", *words, must=False)


def _set(values: Iterable[str]) -> list[str]:
    return [argument for value in values for argument in ("--set", value)]


def values_of(environment: Environment, kafka: str, image: str) -> list[str]:
    """Give the values for this cluster; ``kafka`` is the address that pods reach it at."""
    repository, _, tag = image.rpartition(":")
    return [
        f"image.repository={repository}",
        f"image.tag={tag}",
        f"settings.kafka.bootstrap_servers={kafka}",
        f"settings.kafka.topic={environment.events}",
        f"settings.kafka.topic_other={environment.other}",
        f"settings.kafka.topic_dead_letter={environment.dead_letters}",
        f"settings.redis.url=redis://{HOST}:{environment.redis.port}/0",
        # Two cores carry everything here: requests are for clusters that are one's own.
        "resources.requests.cpu=50m",
        "jobResources.requests.cpu=20m",
    ]
