"""Holds the chart and the image against a real Kubernetes: ``python -m tests.kube [--keep] [PART ...]``."""

import argparse
import contextlib
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from tests.kube import containers, control_plane, isolation
from tests.kube.binaries import Refused
from tests.kube.checks import Check, Checks, draw, read_checks
from tests.kube.cluster import Cluster
from tests.kube.image import build_image
from tests.rig.kafka_jars import java_command
from tests.rig.parts import MissingPartError
from tests.rig.waiting import ConditionTimeoutError

PER_S = 200.0


def main() -> int:
    """Play the parts asked for; 1 where a check fails, 2 where this machine cannot."""
    parser = argparse.ArgumentParser(prog="make kube ARGS=...", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--keep", action="store_true", help="leave each part running until Ctrl-C")
    parser.add_argument("--per-s", type=float, default=PER_S, help="notifications/s for the containers")
    asked = parser.parse_args()
    unknown = [name for name in asked.parts if name not in PARTS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    for number in (signal.SIGINT, signal.SIGTERM):  # also where whoever began us ignores them
        signal.signal(number, signal.default_int_handler)
    found: list[Check] = []
    code = 0
    for name in asked.parts or PARTS:
        try:
            found += PARTS[name](asked.per_s, keep=asked.keep)
        except MissingPartError as what:
            code = 2
            sys.stderr.write(f"cannot play {name}: {what}\n")
        except KeyboardInterrupt:
            code = 130
            break
    draw(found)
    return code or int(not all(check.good for check in found))


def _control_plane(_per_s: float, *, keep: bool) -> list[Check]:
    with tempfile.TemporaryDirectory(prefix="kube-control-plane-", ignore_cleanup_errors=True) as folder:
        checks = Checks("control-plane")
        try:
            control_plane.run(Path(folder) / "cluster", checks, keep=_hold if keep else None)
        except (Refused, ConditionTimeoutError) as failed:
            checks.note(containers.TO_THE_END, good=False, figures=str(failed))
        return checks.found


def _containers(per_s: float, *, keep: bool) -> list[Check]:
    isolation.check_machine()
    java_command()  # fetches what Kafka needs: inside there is no way out
    with tempfile.TemporaryDirectory(prefix="kube-containers-", ignore_cleanup_errors=True) as name:
        folder, checks = Path(name), Checks(containers.PART)
        try:
            build_image(folder, checks)
            parser = [containers.__name__, name, str(per_s), *(["--keep"] if keep else [])]
            code = isolation.enter(folder, parser)
            if code:
                checks.note(containers.TO_THE_END, good=False, figures=f"ended with {code}, see above")
        except (Refused, ConditionTimeoutError) as failed:
            checks.note(containers.TO_THE_END, good=False, figures=str(failed))
        inside = read_checks(folder / containers.CHECKS)
        return checks.found + inside


def _hold(cluster: Cluster) -> None:
    """Wait for Ctrl-C, telling how to look around."""
    sys.stdout.write(f"\nkept until Ctrl-C: kubectl --kubeconfig {cluster.kubeconfig} get all\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


PARTS: dict[str, Callable[..., list[Check]]] = {"control-plane": _control_plane, "containers": _containers}


if __name__ == "__main__":
    sys.exit(main())
