"""The products of each pass: as many operations as the formula of the model says."""

import numpy as np
import pytest


def test_operations_are_those_of_the_formula():
    """But for attention's own products and the classifier, which are small."""
    from benchmarks.models import ENCODERS, paper_options
    from benchmarks.rc_products import pass_shapes
    from strtf.config import RcCompute
    from strtf.models.flops import pair_flops, tag_flops

    config, sizes = ENCODERS["bert_base"], np.full(45, 9)
    shapes = pass_shapes(config, 4, 128, 45, 9)
    flops = {side: 2.0 * sum(m * k * n for m, k, n in products) for side, products in shapes.items()}
    for compute, side in ((RcCompute.EXACT_ROWS, "exact"), (RcCompute.DENSE, "dense")):
        expected = pair_flops(config, paper_options(4, rc_compute=compute), 128, sizes, 4)
        assert flops[side] == pytest.approx(expected, rel=0.04)
    assert flops["ner"] == pytest.approx(tag_flops(config, np.array([128]), 9), rel=0.04)


def test_rows(parsed):
    from benchmarks import rc_products

    values = parsed(rc_products, "--encoders=tiny", "--pairs=3", "--length=24", "--seconds=0", "--repeats=1")
    rows = rc_products.measure(values, None)
    assert [(row["side"], row["rows"]) for row in rows] == [("ner", 24), ("exact", 27), ("dense", 72)]
    for row in rows:
        assert set(rc_products.COLUMNS) <= row.keys()
        assert row["over_ner"] == pytest.approx(row["products_ms"] / rows[0]["products_ms"])
