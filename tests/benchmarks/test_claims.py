"""The runner's jobs and the claims that are read from their files."""

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


def test_the_jobs_flags_are_known(parsed):
    import importlib

    from benchmarks.all import JOBS

    for command, given, _ in JOBS.values():
        parsed(importlib.import_module(f"benchmarks.{command}"), *given)


def test_memory_of_this_process():
    from benchmarks.memory_watch import resident_gb

    assert 0 < resident_gb("VmRSS") <= resident_gb("VmHWM")
