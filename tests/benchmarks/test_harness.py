"""Timing, the table, the JSON file."""

import json
import time

import pytest


def test_sides_take_turns_and_compilation_is_apart():
    from benchmarks.harness import Effort, interleaved

    order, delays = [], {"slow": [0.2, 0.04], "fast": [0.04]}

    def side(name):
        def call():
            order.append(name)
            time.sleep(delays[name].pop(0) if len(delays[name]) > 1 else delays[name][0])

        return call

    timings = interleaved({name: side(name) for name in delays}, Effort(seconds=0.0, repeats=3))
    assert order == ["slow", "fast"] * 5  # the first, the second to plan by, three samples
    assert timings["slow"].first >= 0.2 > timings["slow"].median >= 0.04
    assert len(timings["fast"].samples) == 3 and timings["fast"].calls == 1


def test_short_calls_are_timed_in_one_sample():
    from benchmarks.harness import Effort, interleaved

    timing = interleaved({"short": lambda: time.sleep(0.002)}, Effort(seconds=0.0, repeats=1))["short"]
    assert timing.calls > 5 and timing.median == pytest.approx(0.002, rel=0.9)


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


def test_mistakes_are_one_line():
    from benchmarks.entry import choice_list, number_list
    from strtf.errors import StrtfError

    assert number_list("lengths", ["64", "128"]) == [64, 128]
    for texts in (["x"], ["0"], []):
        with pytest.raises(StrtfError, match="--lengths must be whole numbers"):
            number_list("lengths", texts)
    with pytest.raises(StrtfError, match="--parts must be among a, b. Received: c"):
        choice_list("parts", ["c"], ("a", "b"))
