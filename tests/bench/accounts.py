"""What Linux reports of a process: its CPU time and memory; and pinning it to a core."""

import os
from contextlib import suppress
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Give the CPU time a process used so far, user and system, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fine_cpu_seconds(pid: int) -> float:
    """Give the same of the threads that it has now, to the nanosecond: `cpu_seconds` counts in 10 ms."""
    return sum(ran for ran, _ in thread_times_ns(pid).values()) / 1e9


def thread_times_ns(pid: int) -> dict[int, tuple[int, int]]:
    """Give of each thread of now how long it ran, and how long it could have run and had no core.

    By thread ids, of which the first thread's is ``pid``; in nanoseconds.
    """
    times = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            ran, waited, _ = (task / "schedstat").read_text(encoding="ascii").split()
            times[int(task.name)] = int(ran), int(waited)
    return times


def rss_bytes(pid: int) -> int:
    """Give a process's resident memory."""
    return _memory(pid, "VmRSS:")


def core_wait_seconds(pid: int) -> float:
    """Give how long a process's first thread could have run and had no core."""
    return thread_times_ns(pid)[pid][1] / 1e9


def peak_bytes(pid: int) -> int:
    """Give the most memory that a process ever had resident."""
    return _memory(pid, "VmHWM:")


def _memory(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def pin(pid: int, *cores: int) -> None:
    """Keep a process, with the threads it has by now, on these cores."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), set(cores))
