"""Dense against exact: which rows, what is in them, which pairs are run."""

import numpy as np
import pytest

KEYS = (
    "mask", "num_task_blocks", "length", "pairs", "encoder", "dense_ms", "exact_ms", "ratio", "ner_ms", "rc_over_ner",
    "max_abs_diff",
)  # fmt: skip
TINY = ("--encoders=tiny", "--lengths=24", "--num_task_blocks=4", "--seconds=0", "--repeats=1")


def test_flags_select_the_rows(parsed):
    from benchmarks import rc_shortcut

    groups = rc_shortcut.groups(parsed(rc_shortcut))
    assert sum(group.num_rows for group in groups) == 5 * 2 * 4 * 3 * 2
    values = parsed(rc_shortcut, "--masks=pair_focused", "--num_task_blocks=2,4", "--lengths=64", "--encoders=tiny")
    assert [group.num_task_blocks for group in rc_shortcut.groups(values)] == [2, 4]
    assert all(group.masks == ("pair_focused",) and group.num_rows == 3 for group in rc_shortcut.groups(values))


@pytest.mark.parametrize("flag", ["--masks=x", "--encoders=x", "--lengths=10", "--pairs=a"])
def test_mistakes(parsed, flag):
    from benchmarks import rc_shortcut
    from strtf.errors import StrtfError

    with pytest.raises(StrtfError, match=flag.split("=")[0]):
        rc_shortcut.groups(parsed(rc_shortcut, flag))


def test_rows(parsed):
    from benchmarks import rc_shortcut
    from benchmarks.peak import MatrixPeak

    peak = MatrixPeak()
    peak.gflops = 100.0
    rows = rc_shortcut.measure(parsed(rc_shortcut, *TINY, "--pairs=3,6", "--batch=2"), peak)
    assert [(row["mask"], row["pairs"]) for row in rows] == [
        (mask, pairs) for mask in ("cls_focused", "pair_focused") for pairs in (3, 6)
    ]
    for row in rows:
        assert tuple(row)[: len(KEYS)] == KEYS
        assert row["ratio"] == pytest.approx(row["dense_ms"] / row["exact_ms"])
        assert row["rc_over_ner"] == pytest.approx(row["exact_ms"] / row["ner_ms"])
        assert row["max_abs_diff"] < 1e-5 < row["probability_spread"]
        assert row["dense_pairs_run"] == row["dense_pairs_total"] == 2 * row["pairs"]
        assert row["attended"] == 9


@pytest.mark.parametrize("mask", ["cls_focused", "pair_focused"])
def test_a_side_runs_what_it_can_afford(mask):
    from benchmarks.models import ENCODERS
    from benchmarks.rc_plan import plan_side
    from benchmarks.rc_rows import Limits
    from strtf.config import ModelOptions, RcCompute, RcMask

    def plan(compute, limits):
        options = ModelOptions(num_task_blocks=4, rc_mask=RcMask(mask), rc_compute=compute)
        return plan_side(options, ENCODERS["bert_base"], 512, np.full(190, 9), limits, 200.0)

    whole = plan(RcCompute.DENSE, Limits(max_gb=1000.0, max_seconds=1000.0))
    assert whole.run == 190 and len(whole.chunks) == 1 and whole.scale == 1
    chunked = plan(RcCompute.DENSE, Limits(max_gb=1.0, max_seconds=1000.0))
    assert chunked.run == 190 and len(chunked.chunks) > 5
    assert sorted(np.concatenate(chunked.chunks)) == list(range(190))
    scaled = plan(RcCompute.DENSE, Limits(max_gb=1000.0, max_seconds=1.0))
    assert 2 <= scaled.run < 190 and scaled.scale == 190 / scaled.run
    assert len(set(np.concatenate(scaled.chunks))) == scaled.run
    exact = plan(RcCompute.EXACT_ROWS, Limits(max_gb=1000.0, max_seconds=1.0))
    assert (exact.run == 190) == (mask == "pair_focused")


def test_entities_of_a_pair():
    from benchmarks.synthetic import entities_for, pair_spans
    from strtf.data.pairs import pair_sizes

    assert [entities_for(pairs) for pairs in (1, 10, 30, 45, 190)] == [2, 5, 9, 10, 20]
    for attended in (3, 8, 9):
        spans = pair_spans(128, 45, attended)
        assert spans.shape == (45, 4) and (pair_sizes(spans) == attended).all()
        assert spans.min() >= 1 and spans.max() <= 127
