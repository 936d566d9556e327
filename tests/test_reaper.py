"""What a test started does not outlive it, also where it is killed at once."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.rig.parts import ROOT
from tests.rig.reaper import is_running
from tests.rig.waiting import eventually

_STARTS = """
import subprocess, sys, time
from pathlib import Path
from tests.rig.parts import Process
from tests.rig.reaper import temporary_folder

folder = temporary_folder("rig-test-")
(folder / "file").touch()
waits = "import time; time.sleep(1_000)"
parent = (
    "import subprocess, sys, time\\n"
    f"child = subprocess.Popen([sys.executable, '-c', {waits!r}], start_new_session=True)\\n"
    "print(child.pid, flush=True)\\n"
    "time.sleep(1_000)"
)
process = Process([sys.executable, "-c", parent], Path(sys.argv[1]))
frozen = Process([sys.executable, "-c", waits], Path(sys.argv[1] + "2"))
frozen.pause()
while not process.log().strip():
    time.sleep(0.02)
print(folder, process.pid, int(process.log()), frozen.pid, flush=True)
time.sleep(1_000)
"""


async def test_processes_what_they_started_and_folders_go_when_a_run_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _STARTS, str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:  # noqa: ASYNC220, S603 - it is ours
        assert run.stdout is not None
        folder, *pids = run.stdout.readline().split()
        assert len(pids) == 3
        assert all(is_running(int(pid)) for pid in pids)
        assert (Path(folder) / "file").exists()
        run.send_signal(signal.SIGKILL)
    await eventually(lambda: not any(is_running(int(pid)) for pid in pids), "all of them end")
    await eventually(lambda: not Path(folder).exists(), "the folder goes")
