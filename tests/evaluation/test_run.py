"""Which splits an evaluation reads, and what tuning refuses; the whole way is in `tests/test_train_smoke.py`."""

import types

import pytest

from strtf.config import DataOptions, Experiment
from strtf.errors import StrtfError
from strtf.evaluation import run


def test_known_mentions_are_of_the_split_that_training_read(monkeypatch):
    """Beside a --test_data given anew, a single training file would count as training split whole."""
    seen = []
    monkeypatch.setattr(run, "load_split_of", lambda *arguments: seen.append(arguments) or ["a", "b", "c"])
    data = DataOptions(train_data="all.jsonl", max_train_sentences=2)
    trained = types.SimpleNamespace(read_experiment=lambda: Experiment(data=data))
    given = {"data": {"train_data": "moved.jsonl", "test_data": "new.jsonl"}, "training": {"precision": "float32"}}
    assert len(run._training_split(trained, given)) == 2
    [(of_run, options, split)] = seen
    assert of_run is trained and split == "train"
    assert (options.train_data, options.test_data) == ("moved.jsonl", "")


class TestWhatTuningKeeps:
    """Thresholds are chosen with the extraction that they are kept for."""

    @pytest.mark.parametrize("given", [
        {"model": {"max_tokens": 64}}, {"model": {"pair_filter": "seen_types"}}, {"model": {"legal_decoding": False}},
        {"model": {"min_probability": 0.5}}, {"training": {"precision": "mixed_bfloat16"}},
    ])  # fmt: skip
    def test_another_extraction_is_refused(self, given):
        [[name]] = [list(options) for options in given.values()]
        with pytest.raises(StrtfError, match=rf"must be chosen with the run's own options.*--{name}: \S+ against"):
            run._check_kept(Experiment(), Experiment().override(given))

    @pytest.mark.parametrize("given", [
        {}, {"data": {"dev_data": "site.jsonl"}}, {"training": {"calibrate": False, "epochs": 3}},
        {"model": {"rc_compute": "dense", "rc_memory_mb": 64}},
    ])  # fmt: skip
    def test_other_data_decisions_and_computing_are_not(self, given):
        run._check_kept(Experiment(), Experiment().override(given))
