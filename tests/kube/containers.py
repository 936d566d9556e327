"""Part 2: the image and the chart with real containers, a real Kafka and a real Redis beside them.

``python -m tests.kube.containers FOLDER PER_S [--keep]`` is what `isolation.enter` runs; only there it works.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
import traceback
import uuid
from pathlib import Path
from typing import NoReturn

import aiohttp
import uvloop
from msgspec import Struct

from tests.end_to_end.environment import Environment
from tests.kube.binaries import Refused
from tests.kube.checks import Checks
from tests.kube.cluster import Cluster
from tests.kube.disruptions import Disruptions, Installation
from tests.kube.image import IMAGE
from tests.kube.isolation import HOST, OUTSIDE, furnish
from tests.kube.names import serve_names
from tests.kube.node import OWNER, Node
from tests.kube.release import Release, values_of
from tests.rig.kafka import RealKafka
from tests.rig.parts import free_port
from tests.rig.redis import RealRedis
from tests.rig.waiting import ConditionTimeoutError, eventually

CHECKS = "checks.json"
PART = "containers"
TO_THE_END = "it goes to the end"
READY_WITHIN_S = 3.0
VOLUMES = 4
TEST_OF_ROOT = "touch /opt/vod-event-bridge/x /etc/x; touch /var/lib/vod-event-bridge/x && echo spool"
STATUS = "grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' /proc/1/status"


class Asked(Struct, frozen=True, kw_only=True):
    """What the run is given: archives of images, posts a second, whether it is left standing."""

    images: list[Path]
    per_s: float
    keep: bool


def main() -> None:
    """Play it inside the namespaces; checks go to the folder."""
    folder = Path(sys.argv[1])
    asked = Asked(
        images=sorted(folder.glob("*.tar")), per_s=float(sys.argv[2]), keep="--keep" in sys.argv[3:]
    )
    # A namespace's first process is sent no signal that it has not asked for.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    uvloop.run(_play_to_the_end(folder, asked))


async def _play_to_the_end(folder: Path, asked: Asked) -> NoReturn:
    """Whatever happens, leave the checks. With this process everything inside the namespaces ends."""
    checks = Checks(PART)
    try:
        await _play(Cluster(folder / "cluster"), checks, asked)
    except (Refused, ConditionTimeoutError) as failed:
        checks.note(TO_THE_END, good=False, figures=str(failed))
    except asyncio.CancelledError:
        checks.note(TO_THE_END, good=False, figures="interrupted")
    except Exception:  # noqa: BLE001 - whatever it was, the end is as below
        traceback.print_exc()
        checks.note(TO_THE_END, good=False, figures="see the traceback above")
    checks.write(folder / CHECKS)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # a thread may wait for helm still


async def _play(cluster: Cluster, checks: Checks, asked: Asked) -> None:
    furnish()
    kafka, address = _kafka()
    redis = RealRedis({"bind": f"127.0.0.1 {HOST}"})
    redis.start()
    await asyncio.gather(asyncio.to_thread(kafka.start), asyncio.to_thread(cluster.start))
    environment = Environment(kafka=kafka, redis=redis, name=f"kube-{uuid.uuid4().hex[:8]}")
    async with serve_names(cluster):
        node = Node(cluster)
        await asyncio.to_thread(node.start, asked.images)
        await asyncio.to_thread(node.make_volumes, VOLUMES)
        checks.report("control plane, node, Kafka and Redis are ready")
        release = Release(cluster=cluster, values=values_of(environment, address, IMAGE))
        try:
            await _hold_against(
                Installation(node=node, release=release, environment=environment, checks=checks), asked.per_s
            )
        except (Refused, ConditionTimeoutError) as failed:
            checks.note(TO_THE_END, good=False, figures=str(failed))
        if asked.keep:
            await _hold(cluster)


def _kafka() -> tuple[RealKafka, str]:
    """Give a Kafka with one more address, for the pods."""
    kafka = RealKafka()
    pods, controller = f"{HOST}:{free_port()}", f"127.0.0.1:{free_port()}"
    named = {"DIRECT": kafka.bootstrap, "PODS": pods, "CONTROLLER": controller}
    kafka.settings |= {
        "listeners": ",".join(f"{name}://{environment}" for name, environment in named.items()),
        "advertised.listeners": f"DIRECT://{kafka.bootstrap},PODS://{pods}",
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in named),
        "controller.quorum.voters": f"1@{controller}",
        # The broker's clock, as the audit wants it; the chart's own Job makes the topics.
        "log.message.timestamp.type": "LogAppendTime",
    }
    return kafka, pods


async def _hold_against(installation: Installation, per_s: float) -> None:
    checks, release = installation.checks, installation.release
    said = await asyncio.to_thread(release.install)
    good = said.good and not said.warnings
    figures = f"{said.seconds:.1f} s" if good else said.last
    if not checks.note("helm install --wait is ready, topics made by its Job, no warning", good, figures):
        _print_pods(installation)
        return
    _look_inside(installation)
    await _start_anew(installation)
    said = await asyncio.to_thread(release.test)
    if not checks.note("helm test passes", said.good, f"{said.seconds:.1f} s" if said.good else said.last):
        checks.report(said.out + said.err)
    await Disruptions(installation, per_s).play()
    for pod in release.pods():
        name = pod["metadata"]["name"]
        log = release.cluster.kubectl("logs", name).out
        checks.note(f"no traceback in the log of {name}", "Traceback" not in log, f"{len(log):,} bytes")


def _look_inside(installation: Installation) -> None:
    """See from inside who the program is and what it may write."""
    release, checks = installation.release, installation.checks
    pod = release.pods()[0]["metadata"]["name"]
    status = " ".join(release.inside(pod, "sh", "-c", STATUS).out.split())
    good = f"Uid: {OWNER} {OWNER}" in status and "CapEff: 0000000000000000" in status
    good = good and "NoNewPrivs: 1" in status and "Seccomp: 2" in status
    checks.note("inside: uid 10001, no capabilities, no new privileges, seccomp", good, status)
    said = release.inside(pod, "sh", "-c", TEST_OF_ROOT)
    good = said.err.count("Read-only file system") == 2 and said.out.strip() == "spool"
    checks.note("inside: the root is read-only, the spool's volume is not", good, said.last)
    release.inside(pod, "rm", "/var/lib/vod-event-bridge/x")


async def _start_anew(installation: Installation) -> None:
    """Kill a pod's program and take the time from the next one's begin to its first 200 of /readyz."""
    pod = installation.release.pods()[0]
    before = installation.node.pid_of(pod)
    installation.node.kill(pod)
    url = f"http://{pod['status']['podIP']}:9090/readyz"

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as session:

        async def ready() -> bool:
            try:
                async with session.get(url) as answer:
                    return answer.status == 200
            except (aiohttp.ClientError, TimeoutError):
                return False

        await eventually(ready, "the killed pod's program is ready again", within_s=60, every_s=0.02)
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    name = pod["metadata"]["name"]
    pid = await eventually(lambda: _another(installation, name, before), "its process is known", within_s=20)
    begun, busy = _times(pid)
    figures = f"{now - begun:.2f} s, of them {busy:.2f} s of one core"
    installation.checks.note("the image starts to ready in under 3 s", now - begun < READY_WITHIN_S, figures)
    installation.release.cluster.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")


def _another(installation: Installation, name: str, before: int) -> int:
    """Give the process of the container's next life, 0 as long as the cluster does not know it."""
    with contextlib.suppress(ProcessLookupError):
        pid = installation.node.pid_of(installation.release.cluster.get("pod", name))
        return pid if pid != before else 0
    return 0


def _times(pid: int) -> tuple[float, float]:
    """Give when a process began, in seconds since the machine did, and the seconds of a core it has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    tick = os.sysconf("SC_CLK_TCK")
    return int(fields[19]) / tick, (int(fields[11]) + int(fields[12])) / tick


def _print_pods(installation: Installation) -> None:
    """Say how the pods are, where the installation failed."""
    cluster = installation.release.cluster
    for words in (["get", "pods", "-o", "wide"], ["get", "events", "--sort-by=.lastTimestamp"]):
        installation.checks.report(cluster.kubectl(*words, must=False).out)
    for pod in cluster.get("pods")["items"]:
        installation.checks.report(cluster.kubectl("logs", pod["metadata"]["name"], must=False).out)


async def _hold(cluster: Cluster) -> None:
    """Wait for Ctrl-C, telling how to look around."""
    within = f"nsenter --net --mount --pid -t $(cat {cluster.folder.parent / OUTSIDE})"
    sys.stdout.write(f"\nkept until Ctrl-C: {within} kubectl --kubeconfig {cluster.kubeconfig} get all\n")
    sys.stdout.flush()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
