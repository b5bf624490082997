"""Which options an evaluation reads its splits by; the whole way is in `tests/test_train_smoke.py`."""

import types

from strtf.config import DataOptions, Experiment
from strtf.evaluation import run


def test_known_mentions_are_of_the_split_that_training_read(monkeypatch):
    """Beside a --test_data given anew, a single training file would count as training split whole."""
    seen = []
    monkeypatch.setattr(run, "load_training_splits", lambda options: seen.append(options) or (["train"], ["dev"]))
    trained = types.SimpleNamespace(read_experiment=lambda: Experiment(data=DataOptions(train_data="all.jsonl")))
    given = {"data": {"train_data": "moved.jsonl", "test_data": "new.jsonl"}, "training": {"precision": "float32"}}
    assert run._training_split(trained, given) == ["train"]
    assert (seen[0].train_data, seen[0].test_data) == ("moved.jsonl", "")
