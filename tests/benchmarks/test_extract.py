"""Extraction: forced entities, the rows of each part."""

from types import SimpleNamespace

import pytest

from strtf.config import DataOptions, Experiment


@pytest.fixture(scope="module")
def opened(tiny_encoder_dir, tiny_corpus_dir):
    from benchmarks.extract_corpus import open_for_extraction
    from benchmarks.models import paper_options

    model = paper_options(2, encoder=str(tiny_encoder_dir), max_tokens=48)
    experiment = Experiment(DataOptions(data_dir=str(tiny_corpus_dir)), model)
    return open_for_extraction(experiment, sentences=6, seed=0)


def test_the_given_entities_are_found(opened, eager):
    from benchmarks.forced import forced_extractor

    corpus = opened.corpus
    assert len(corpus.sentences) == len(corpus.examples) == 6
    extractor = forced_extractor(opened.experiment, opened.model, opened.featurizer, corpus.examples)
    for sentence, extraction in zip(corpus.sentences, extractor.extract(opened.texts), strict=True):
        assert [(e.span, e.type) for e in extraction.entities] == [(e.span, e.type) for e in sentence.entities]


def test_corpus_row(opened, quick, eager):
    from benchmarks.extract_corpus import Budget, corpus_row

    row = corpus_row(opened, Budget(batch_size=4, seconds=1.0, peak_gflops=100.0), quick)
    assert row["ratio"] == pytest.approx(row["authors_ms_per_sentence"] / row["ours_ms_per_sentence"])
    assert 0 < row["ratio_rc_pass_only"] < row["ratio"]
    assert row["authors_examples_run"] == row["authors_examples"] == opened.corpus.num_pairs


def test_a_sample_of_the_authors_examples_stands_for_all(opened):
    from benchmarks.extract_corpus import Budget, sample_pairs

    examples, config = opened.corpus.examples, opened.model.encoder.config
    every, scale = sample_pairs(examples, config, Budget(4, 1.0, 100.0))
    assert len(every) == opened.corpus.num_pairs and scale == pytest.approx(1)
    some, scale = sample_pairs(examples, config, Budget(4, 1e-6, 100.0))
    assert len(some) == 1 and scale > 1


def test_filter_rows(opened, quick, eager):
    from benchmarks.extract_corpus import filter_rows

    everything, seen = filter_rows(opened, quick)
    assert (everything["pair_filter"], seen["pair_filter"]) == ("all", "seen_types")
    assert seen["pairs"] < everything["pairs"] and everything["time_of_all"] == 1
    assert seen["gold_relations_left_out"] == 0 and seen["gold_relations"] == everything["gold_relations"] > 0


def test_half_of_the_made_up_pairs_can_be_filtered():
    from benchmarks.extract_synthetic import prepare
    from benchmarks.models import ENCODERS, experiment, random_model
    from strtf.config import PairFilter

    model = random_model(ENCODERS["tiny"], experiment(2))
    pairs = [prepare(model, 2, "float32", 2, 32, 16, 1, f).pairs_per_sentence for f in PairFilter]
    assert pairs == [120, 64]


def test_utilisation_row(quick, eager):
    from benchmarks.extract_synthetic import utilisation_row

    peak = SimpleNamespace(gflops=100.0, measure=lambda: 100.0)
    row = utilisation_row("tiny", "float32", peak, quick, (2, 16, 3, 2))
    assert row["share_of_peak"] == pytest.approx(row["extract_gflops"] / row["peak_gflops"])
