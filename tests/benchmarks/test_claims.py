"""The runner's jobs and the claims that are read from their files."""

import subprocess
import sys

import pytest


def test_every_claim_has_a_job():
    from benchmarks.all import JOBS
    from benchmarks.claims import CLAIMS

    assert {claim.file for claim in CLAIMS} <= JOBS.keys()


def test_claims_are_read_from_results(tmp_path):
    from benchmarks.claims import Claim, claim_row
    from strtf.errors import StrtfError
    from strtf.run_dir import write_json

    claim = Claim("speed", "x", {"k": 2}, "ratio", at_least=3)
    assert claim_row(claim, tmp_path)["measured"] == "-"
    write_json(tmp_path / "x.json", {"header": {}, "rows": [{"k": 2, "ratio": 4.0}, {"k": 3, "ratio": 1.0}]})
    assert claim_row(claim, tmp_path) == {"claim": "speed", "must be": "≥ 3", "measured": "4", "": "reached"}
    assert claim_row(Claim("speed", "x", {"k": 2}, "ratio", at_most=3), tmp_path)[""] == "MISSED"
    with pytest.raises(StrtfError, match="one row"):
        claim_row(Claim("speed", "x", {}, "ratio", at_least=3), tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"rows": [{"k": 2}]}, "must hold a number as ratio. Received: None"),
        ({"rows": [{"k": 2, "ratio": "4"}]}, "must hold a number as ratio. Received: '4'"),
        ({"rows": [2]}, "must be a benchmark's results"),
        ({"header": {}}, "must be a benchmark's results"),
        ([], "must be a benchmark's results"),
    ],
)
def test_other_json_is_an_error(tmp_path, content, message):
    from benchmarks.claims import Claim, claim_row
    from strtf.errors import StrtfError
    from strtf.run_dir import write_json

    write_json(tmp_path / "x.json", content)
    with pytest.raises(StrtfError, match=f"x.json {message}"):
        claim_row(Claim("speed", "x", {"k": 2}, "ratio", at_least=3), tmp_path)


def test_no_directory_of_results_is_an_error(tmp_path):
    command = [sys.executable, "-m", "benchmarks.claims", f"--out={tmp_path / 'none'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and done.stderr.startswith("error: --out must be a directory of results")


def test_the_jobs_flags_are_known(parsed):
    import importlib

    from benchmarks.all import JOBS

    for command, given, _ in JOBS.values():
        parsed(importlib.import_module(f"benchmarks.{command}"), *given)


def test_memory_of_this_process():
    from benchmarks.memory_watch import resident_gb

    assert 0 < resident_gb("VmRSS") <= resident_gb("VmHWM")
