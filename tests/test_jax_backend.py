"""Training, evaluation and prediction on JAX where TensorFlow is not installed."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from strtf.data.corpus import read_corpus
from strtf.run_dir import RunDir, read_tensors

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def output(two_block_encoder_dir, tiny_corpus_dir, tmp_path_factory):
    """What `tests/on_jax.py` left."""
    folder = tmp_path_factory.mktemp("jax")
    arguments = [str(two_block_encoder_dir), str(tiny_corpus_dir), str(folder)]
    # both trainings make the same programs
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [sys.executable, "-m", "tests.on_jax", *arguments]
    subprocess.run(command, cwd=REPOSITORY, check=True, env=os.environ | cache)
    return folder


def test_an_interrupted_training_ends_with_the_same_bits(output):
    whole, resumed = RunDir(output / "whole"), RunDir(output / "interrupted")
    assert read_tensors(resumed.checkpoint)[1]["epoch"] == 2
    for ours, theirs in ((resumed.checkpoint, whole.checkpoint), (resumed.weights, whole.weights)):
        found, expected = read_tensors(ours)[0], read_tensors(theirs)[0]
        assert found.keys() == expected.keys()
        assert not [name for name in expected if not np.array_equal(found[name], expected[name])]


def test_scores(output):
    scores = json.loads((output / "scores.json").read_text(encoding="utf-8"))
    assert scores["ner"]["gold"] > 0 and scores["rc_gold"]["gold"] > 0
    assert "RC, gold entities" in (output / "table.txt").read_text(encoding="utf-8")


def test_predictions_keep_texts_and_order(output, tiny_corpus_dir):
    given, found = (read_corpus(path) for path in (tiny_corpus_dir / "test.jsonl", output / "found.jsonl"))
    assert [sentence.text for sentence in found] == [sentence.text for sentence in given]


def test_tensorboard_reads_the_scalars(output):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(RunDir(output / "whole").tensorboard))
    events.Reload()
    assert {"train/loss", "train/learning_rate", "dev_f1/ner"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("dev_f1/ner")] == [1, 2]
