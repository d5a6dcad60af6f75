"""What ran where: processor time, memory and versions, from /proc and git."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def descendants(pid: int) -> list[int]:
    """A process and everything below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            parents.setdefault(int(stat[1]), []).append(int(entry.name))
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        left.extend(parents.get(found[-1], []))
    return found


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and everything below it have used, children that have ended included."""
    stats = [stat for pid in descendants(pid) if (stat := _stat(pid))]
    return sum(int(stat[i]) for stat in stats for i in (11, 12, 13, 14)) / _TICKS


def peak_rss_mb(pid: int) -> float:
    """The most memory that one process has held, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def rss_mb(pid: int) -> float:
    """The memory that one process holds now, in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def thread_seconds(pid: int, name: str) -> float:
    """Processor time of a process's threads of that name (its first 15 letters), in seconds."""
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            named = (task / "comm").read_text().strip() == name[:15]
            stat = (task / "stat").read_text().rsplit(")", 1)[1].split() if named else []
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(ticks) for ticks in stat[11:13]) / _TICKS
    return total


def timed(pid: int, action: Callable[[], Any]) -> dict[str, Any]:
    """Runs `action` and gives its result, the time that passed and the processor time of `pid` and below."""
    cpu, start = cpu_seconds(pid), time.perf_counter()
    result = action()
    return {"result": result, "seconds": time.perf_counter() - start, "cpu": cpu_seconds(pid) - cpu}


def median(values: list[float]) -> float:
    return statistics.median(values)


def describe() -> dict[str, str]:
    """The machine and the commit."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024 / 1024

    def git(*args):
        return subprocess.run(["git", *args], capture_output=True, text=True).stdout.strip()

    java = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr.splitlines()[0]
    return {
        "machine": f"{len(os.sched_getaffinity(0))} cores ({cpu}), {memory:.0f} GB, Linux {platform.release()}",
        "load": " ".join(f"{x:.1f}" for x in os.getloadavg()),
        "commit": git("rev-parse", "--short", "HEAD") + (" (modified)" if git("status", "--porcelain", "-uno") else ""),
        "java": java,
        "python": platform.python_version(),
    }
