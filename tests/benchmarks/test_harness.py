"""Timing, the table, the JSON file."""

import json
import subprocess
import sys

import pytest
from absl import flags


@pytest.fixture
def takes(monkeypatch):
    """takes(*seconds): a call that lasts so long the first, second, … time (and then as the last), by a clock of its
    own: no test waits for the machine's."""
    from benchmarks import harness

    now = [0.0]
    monkeypatch.setattr(harness.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(harness, "wait", lambda result: None)

    def make(*seconds, note=lambda: None):
        remaining = list(seconds)

        def call():
            note()
            now[0] += remaining.pop(0) if len(remaining) > 1 else remaining[0]

        return call

    return make


def test_sides_take_turns_and_compilation_is_apart(takes):
    from benchmarks.harness import WARM_CALLS, Effort, interleaved

    order = []
    sides = {
        "slow": takes(2.0, 0.4, note=lambda: order.append("slow")),
        "fast": takes(0.04, note=lambda: order.append("fast")),
    }
    timings = interleaved(sides, Effort(seconds=0.0, repeats=3))
    to_plan_by = ["slow"] * WARM_CALLS + ["fast"] * WARM_CALLS
    assert order == ["slow", "fast", *to_plan_by, *["slow", "fast"] * 3]
    assert (timings["slow"].first, timings["slow"].median) == pytest.approx((2.0, 0.4))
    assert len(timings["fast"].samples) == 3 and timings["fast"].calls == 1


def test_short_calls_are_timed_in_one_sample(takes):
    from benchmarks.harness import SAMPLE_SECONDS, Effort, interleaved

    timing = interleaved({"short": takes(0.002)}, Effort(seconds=0.0, repeats=1))["short"]
    assert timing.calls == SAMPLE_SECONDS / 0.002 and timing.median == pytest.approx(0.002)


@pytest.mark.parametrize("compilation", [2.0, 60.0])
def test_compilation_does_not_make_the_samples_short(takes, compilation):
    from benchmarks.harness import SAMPLE_SECONDS, Effort, interleaved

    timing = interleaved({"short": takes(compilation, 0.5, 0.002)}, Effort(seconds=0.0, repeats=1))["short"]
    assert timing.calls == pytest.approx(SAMPLE_SECONDS / 0.002, abs=1)


def test_what_is_slow_is_called_no_more_than_it_must(takes):
    from benchmarks.harness import Effort, interleaved

    calls = []
    interleaved({"slow": takes(8.0, note=lambda: calls.append(1))}, Effort(seconds=0.0, repeats=3))
    assert len(calls) == 5  # the first, one to plan by, three samples


def test_report(tmp_path):
    from benchmarks.peak import MatrixPeak
    from benchmarks.report import header, tables, write

    rows = [{"part": "a", "x": 1.23456789, "n": 3}, {"part": "b", "y": None, "z": 1234.5}]
    first, second = tables(rows)
    assert "1.23" in first and "y" not in first and "1234" in second and "-" in second
    assert tables(rows[:1], ["x"])[0].split() == ["x", "1.23"]
    peak = MatrixPeak()
    peak.gflops = 100.0
    write(tmp_path / "x.json", header(peak, "float32"), rows)
    written = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert written["rows"][0] == {"part": "a", "x": 1.23457, "n": 3}
    assert {"cpu", "cores", "device", "backend", "versions", "peak_gflops"} <= written["header"].keys()


def test_help_lists_the_common_flags():
    from benchmarks.entry import COMMON

    command = [sys.executable, "-m", "benchmarks.memory", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    assert all(f"\n  --{name}:" in shown for name in COMMON)


def test_a_file_that_cannot_be_written_is_told_before_the_work(tmp_path, monkeypatch):
    from benchmarks.entry import _measure_and_report, define_common
    from strtf.errors import StrtfError

    values = flags.FlagValues()
    define_common(values)
    values(["command", f"--json={tmp_path}"])
    with pytest.raises(StrtfError, match="must be a file that can be written. Received: a directory"):
        _measure_and_report(values, lambda *_: pytest.fail("measured"), ())


def test_mistakes_are_one_line():
    from benchmarks.entry import choice_list, number_list
    from strtf.errors import StrtfError

    assert number_list("lengths", ["64", "128"]) == [64, 128]
    for texts in (["x"], ["0"], []):
        with pytest.raises(StrtfError, match="--lengths must be whole numbers"):
            number_list("lengths", texts)
    with pytest.raises(StrtfError, match="--parts must be among a, b. Received: c"):
        choice_list("parts", ["c"], ("a", "b"))
