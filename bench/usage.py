"""What a process has used, as the kernel counts it. Read by the load generators around what they measure."""

import os
from pathlib import Path

USER, SYSTEM = 11, 12
"""Fields of /proc/PID/stat, counted from the one after the name."""


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads of a process so far; 0 where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[USER]) + int(fields[SYSTEM])) / os.sysconf("SC_CLK_TCK")
