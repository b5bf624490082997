"""The frame around a training run; what goes wrong before it starts is in tests/test_entries.py."""

from strtf.config import DataOptions, Experiment
from strtf.data.corpus import write_corpus
from strtf.schema import Entity, Sentence
from strtf.training.train import _schema


def test_a_subsample_keeps_the_whole_inventory(tmp_path):
    sentences = [Sentence(f"s{i}", "ab", (Entity("e1", 0, 1, name),)) for i, name in enumerate(("Drug", "Disease"))]
    path = tmp_path / "corpus.jsonl"
    write_corpus(path, sentences)
    experiment = Experiment(data=DataOptions(train_data=str(path), dev_data=str(path), max_train_sentences=1))
    assert _schema(experiment, sentences[:1]).entity_types == ("Disease", "Drug")
