"""The isolation of part 2: namespaces of its own, so that nothing of it touches this machine, or outlives it.

Network, mounts and processes are the part's alone: addresses, iptables, ip_forward, CNI, mounts and every
process are gone with the first process inside, however that ends. Two things are in no namespace: some of the
kernel's settings, which the kubelet wants to set (it finds plain files instead), and control groups,
which `enter` removes afterwards.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.kube.binaries import run
from tests.rig.parts import ROOT, MissingPartError
from tests.rig.waiting import ConditionTimeoutError, eventually_blocking

HOST = "10.98.0.1"
"""The address at which pods find what runs outside of them: Kafka, Redis, names."""

# What the kubelet would set for the whole machine; it reads them first, and is content with these.
SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
# Where containerd, CNI and the kubelet write beside the folders that they are given.
COVERED = ("/run", "/var/log", "/var/lib/cni")
OUTSIDE = "outside.pid"
"""The file in the part's folder that holds the first process's id as this machine knows it."""
# Should we be killed, it is, and with it all that is inside.
ISOLATED = "setpriv --pdeathsig KILL unshare --fork --kill-child --net --mount --propagation private --pid"
ENDS_WITHIN_S = 30.0
EMPTY_WITHIN_S = 5.0
GROUPS = Path("/sys/fs/cgroup")
NEEDS = ("setpriv", "unshare", "mount", "ip", "iptables", "containerd", "runc", "buildah", "mmdebstrap")
PACKAGES = "buildah containerd runc mmdebstrap containernetworking-plugins iptables"


def check_machine() -> None:
    """See that the part can be played here; `Missing` says what is not there."""
    if os.geteuid() != 0:
        raise MissingPartError("kube", "real containers need root")
    absent = [name for name in NEEDS if shutil.which(name) is None]
    if absent or not Path("/usr/lib/cni/ptp").exists():
        raise MissingPartError(
            "kube", f"{', '.join(absent) or 'CNI'} missing; on Debian: apt-get install {PACKAGES}"
        )


def enter(folder: Path, arguments: list[str]) -> int:
    """Run ``python -m`` with these arguments inside, and wait for its end; gives its exit code."""
    before = set(_groups())
    made = [Path(path) for path in COVERED if not Path(path).exists()]
    for path in made:
        path.mkdir(parents=True)
    command = [*ISOLATED.split(), "--mount-proc", sys.executable, "-m", *arguments]
    # What is left of temporary files is gone with the folder, however the inside ends.
    env = {**os.environ, "TMPDIR": str(folder)}
    # In a session of its own, so that Ctrl-C comes to us alone: what runs inside ends in good order.
    child = subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True)  # noqa: S603 - our own arguments
    try:
        first = _first_inside(child.pid)
        (folder / OUTSIDE).write_text(f"{first}\n")
        return _wait(child, first)
    finally:
        child.kill()
        child.wait()
        _remove_groups(before)
        for path in made:
            shutil.rmtree(path, ignore_errors=True)


def _wait(child: subprocess.Popen[bytes], first: int) -> int:
    """Wait for the end; Ctrl-C is handed on, and the end waited for still."""
    try:
        return child.wait()
    except KeyboardInterrupt:
        os.kill(first, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(ENDS_WITHIN_S)
        return -signal.SIGKILL


def furnish() -> None:
    """Make the inside ready: an address for the host, covers over what is not ours. Run inside only."""
    for path in COVERED:
        run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path])
    for name, value in SETTINGS.items():
        cover = Path("/run/settings") / name
        cover.parent.mkdir(parents=True, exist_ok=True)
        cover.write_text(f"{value}\n")
        run(["mount", "--bind", str(cover), f"/proc/sys/{name}"])
    run(["ip", "link", "set", "lo", "up"])
    run(["ip", "address", "add", f"{HOST}/32", "dev", "lo"])
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")


def _first_inside(process: int) -> int:
    """Give the id of the one child that ``unshare`` has, as soon as it has it."""
    children = Path(f"/proc/{process}/task/{process}/children")
    return int(eventually_blocking(lambda: children.read_text().split(), "the namespaces are made")[0])


def _groups() -> Iterator[Path]:
    """Give the control groups under each controller's root."""
    for controller in GROUPS.iterdir():
        if controller.is_dir() and not controller.is_symlink():
            yield from (group for group in controller.iterdir() if group.is_dir())


def _remove_groups(before: set[Path]) -> None:
    """Remove the groups that came since, as soon as their processes are gone; one that is not empty stays."""
    with contextlib.suppress(ConditionTimeoutError):
        eventually_blocking(lambda: not _left(before), "no group is left", within_s=EMPTY_WITHIN_S)


def _left(before: set[Path]) -> set[Path]:
    for top in set(_groups()) - before:
        for group, _folders, _files in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(group).rmdir()
    return set(_groups()) - before
