"""A run's splits: a single training file that has changed would mix what was trained on into the others."""

import dataclasses
import shutil

import pytest

from strtf.config import DataOptions
from strtf.data.corpus import read_corpus, write_corpus
from strtf.data.load import load_split, load_training_splits
from strtf.data.trained_on import DataChanged, changes, fingerprints, load_split_of
from strtf.run_dir import RunDir, write_json

SPLITS = ("train", "dev", "test")


@pytest.fixture
def options(tiny_corpus_dir, tmp_path):
    """A single file of its own, subsampled."""
    shutil.copy(tiny_corpus_dir / "train.jsonl", tmp_path / "all.jsonl")
    return DataOptions(train_data=str(tmp_path / "all.jsonl"), max_train_sentences=9)


@pytest.fixture
def run_dir(options, tmp_path):
    """A run that was trained on that file."""
    (tmp_path / "run").mkdir()
    run = RunDir(tmp_path / "run")
    write_json(run.data, noted(options))
    return run


def noted(options):
    return fingerprints(dict(zip(("train", "dev"), load_training_splits(options), strict=True)))


def grow(options):
    sentences = read_corpus(options.train_data)
    more = [dataclasses.replace(sentence, id=f"{sentence.id}-new") for sentence in sentences[:10]]
    write_corpus(options.train_data, [*sentences, *more])


@pytest.mark.parametrize("split", SPLITS)
def test_of_the_file_that_it_was_trained_on(run_dir, options, split):
    assert load_split_of(run_dir, options, split) == load_split(options, split)


def test_of_the_same_file_in_another_place(run_dir, options, tmp_path):
    shutil.move(options.train_data, tmp_path / "moved.jsonl")
    moved = dataclasses.replace(options, train_data=str(tmp_path / "moved.jsonl"))
    assert load_split_of(run_dir, moved, "test") == load_split(moved, "test")


@pytest.mark.parametrize("split", SPLITS)
def test_a_file_that_has_grown_is_refused(run_dir, options, split):
    grow(options)
    with pytest.raises(DataChanged, match=rf"dev: 2, now 3\).* Restore it, or .* as --{split}_data"):
        load_split_of(run_dir, options, split)


def test_another_order_of_the_splits_is_refused(run_dir, options):
    with pytest.raises(DataChanged):
        load_split_of(run_dir, dataclasses.replace(options, subsample_seed=options.subsample_seed + 1), "test")


def test_a_file_of_its_own_may_be_any(run_dir, options, tiny_corpus_dir):
    grow(options)
    named = dataclasses.replace(options, test_data=str(tiny_corpus_dir / "test.jsonl"))
    assert load_split_of(run_dir, named, "test") == read_corpus(named.test_data)


def test_a_run_that_noted_nothing(run_dir, options):
    run_dir.data.unlink()
    grow(options)
    assert changes(run_dir, noted(options)) == ""
    assert len(load_split_of(run_dir, options, "test")) == 3
