"""What is told of an extraction's cost, and when."""

import numpy as np
import pytest

from strtf.extraction import cost as cost_module
from strtf.extraction.cost import Cost, announce, extraction_cost, product_rate

LONG = Cost(texts=256, tokens=120_000, tag_flops=2e13, pairs=5_000, pair_flops=1e13)


@pytest.fixture(autouse=True)
def slow_machine(monkeypatch):
    monkeypatch.setattr(cost_module, "product_rate", lambda *_: 1e11 / cost_module.EFFICIENCY)


def test_counts_of_given_texts(random_extractor):
    found = extraction_cost(random_extractor, ["左主干狭窄", "", "右冠"])
    assert (found.texts, found.tokens, found.pairs) == (3, 7 + 2 + 4, None)
    assert found.tag_flops > 0 and found.pair_flops > 0


def test_windows_of_long_texts_overlap(random_extractor):
    assert extraction_cost(random_extractor, ["左" * 100]).tokens > 102


def test_twice_the_texts_cost_twice_as_much(random_extractor):
    once, twice = (extraction_cost(random_extractor, ["左主干狭窄，右冠"] * n) for n in (1, 2))
    assert twice.tag_flops == 2 * once.tag_flops
    assert twice.pair_flops == once.pair_flops  # of one pair: how many there are shows only once tags are decoded


def test_known_entities_count_all_pairs(random_extractor, example_of_pairs):
    found = extraction_cost(random_extractor, ["左" * 20], [example_of_pairs(3), example_of_pairs(4)])
    assert found.pairs == 3 + 6
    assert found.pair_flops > 9 * 32 * 32  # each pair's classifier alone


@pytest.fixture
def example_of_pairs():
    from strtf.data.features import Example
    from strtf.schema import candidate_pairs

    def make(entities):
        starts = 1 + 2 * np.arange(entities)
        spans = np.stack([starts, starts + 1], axis=1).astype(np.int32)
        pairs = np.array(candidate_pairs(entities), np.int32)
        return Example(
            "s", np.ones(22, np.int32), np.ones((1, 22), np.int32), spans, spans[:, 0] * 0, pairs, pairs[:, 0]
        )

    return make


def test_no_texts(random_extractor):
    assert extraction_cost(random_extractor, []).flops == 0


def test_long_work_is_told_in_one_line(random_extractor, capsys):
    announce(random_extractor, LONG, "test split")
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    for part in (
        "test split: 256 texts",
        "120,000 tokens with 20 TFLOP",
        "5,000 pairs",
        "10 TFLOP",
        "1024 MiB",
        "5 min",
    ):
        assert part in err


def test_unknown_entities_give_a_lower_bound(random_extractor, capsys):
    announce(random_extractor, Cost(256, 120_000, 2e12, None, 3e8), "First documents")
    err = capsys.readouterr().err
    assert "0.3 GFLOP for each pair of entities found" in err and "at least about 20 s" in err


def test_twice_the_work_takes_twice_the_time(random_extractor, capsys):
    announce(random_extractor, Cost(256, 120_000, 2e12, 0, 0.0), "test split", times=2)
    assert "about 40 s" in capsys.readouterr().err


@pytest.mark.parametrize("flops", [0.0, 1e9, 4e11])
def test_short_work_is_not_told(random_extractor, capsys, flops):
    announce(random_extractor, Cost(1, 20, flops, 0, 0.0), "test split")
    assert capsys.readouterr().err == ""


def test_small_work_does_not_measure_the_machine(random_extractor, monkeypatch):
    monkeypatch.setattr(cost_module, "product_rate", lambda *_: pytest.fail("measured"))
    announce(random_extractor, Cost(1, 20, 1e9, 0, 0.0), "test split")


def test_the_rate_of_products_is_positive():
    assert product_rate(64, 32, 128) > 1e6
