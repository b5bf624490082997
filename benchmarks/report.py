"""The printed table and the JSON file of a command: no name of a host or user, no place in a file system."""

import importlib.metadata
import itertools
import math
import os
import pathlib
import platform
from collections.abc import Sequence

import keras
import pandas as pd

from benchmarks.backend import device_name
from benchmarks.peak import MatrixPeak
from strtf.run_dir import write_json

PACKAGES = ("strtf", "keras", "tensorflow", "jax", "numpy")


def header(peak: MatrixPeak, precision: str) -> dict:
    """What the figures were measured on and with."""
    backend = keras.backend.backend()
    versions = {name: version for name in PACKAGES if (version := _version(name))}
    return {
        "device": device_name(),
        "cpu": cpu_model(),
        "cores": num_cores(),
        "memory_gb": _memory_gb(),
        # 1 or less before the start of a run means that nothing else was competing
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "backend": backend,
        "precision": precision,
        "python": platform.python_version(),
        "versions": versions,
        "peak_gflops": _rounded(peak.gflops),
    }


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def cpu_model() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def tables(rows: list[dict], columns: Sequence[str] = ()) -> list[str]:
    """Rows as aligned text, those of each `part` apart: the named columns, or all in order of appearance."""
    parts = itertools.groupby(rows, lambda row: row.get("part"))
    frames = [pd.DataFrame(list(members), columns=list(columns) or None) for _, members in parts]
    return [frame.astype(object).map(_shown).to_string(index=False) for frame in frames]


def write(path: pathlib.Path, facts: dict, rows: list[dict]) -> None:
    rows = [{name: _rounded(value) for name, value in row.items()} for row in rows]
    write_json(path, {"header": facts, "rows": rows})


def _shown(value) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _rounded(value):
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory_gb() -> float | None:
    if not hasattr(os, "sysconf"):
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
