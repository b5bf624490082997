"""Runs `memory_case.py` in a process of its own, and ends it before it takes the whole machine's memory."""

import json
import pathlib
import subprocess
import sys
import time

from strtf.errors import StrtfError

POLL_SECONDS = 0.05


def watched(case: dict, limit_gb: float) -> dict:
    """The row of one case: what the process reports, or how far it came when it reached the limit.

    Raises:
        StrtfError: the process failed.
    """
    command = [sys.executable, "-m", "benchmarks.memory_case", json.dumps(case)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = 0.0
    try:
        while process.poll() is None:
            peak = max(peak, resident_gb("VmHWM", process.pid))
            if peak > limit_gb:
                return {**case, "finished": False, "peak_gb": peak}
            time.sleep(POLL_SECONDS)
        output = process.stdout.read()
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise StrtfError(f"The measured process must end well. Received: exit code {process.returncode}, see above.")
    return {**case, "finished": True, **json.loads(output.splitlines()[-1])}


def resident_gb(field: str, process: int | str = "self") -> float:
    """GiB of a process: `VmRSS` now, `VmHWM` at its peak. 0 where the process has just ended.

    Not `getrusage`, whose peak a process inherits from the one that started it.
    """
    try:
        lines = pathlib.Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 2**20 for line in lines if line.startswith(f"{field}:")), 0.0)
