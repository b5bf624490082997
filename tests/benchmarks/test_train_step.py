"""The authors' formulation: the same losses from many more rows; the row of `train_step`."""

import numpy as np
import pytest

from strtf.config import DataOptions, Experiment, TrainingOptions


@pytest.fixture(scope="module")
def experiment(tiny_encoder_dir, tiny_corpus_dir):
    from benchmarks.models import paper_options

    model = paper_options(2, encoder=str(tiny_encoder_dir), max_tokens=48)
    training = TrainingOptions(batch_size=4, negative_keep=0.5)
    return Experiment(DataOptions(data_dir=str(tiny_corpus_dir)), model, training)


@pytest.mark.parametrize("mask", ["cls_focused", "pair_focused"])
def test_same_relation_loss_as_ours(make_model, random_pair_batch, mask):
    from benchmarks.authors import AuthorsFormulation, example_batches, examples_of
    from benchmarks.models import PAPER_HEAD
    from strtf.config import RcMask

    model, batch = make_model(rc_mask=mask, **PAPER_HEAD), random_pair_batch(3)
    examples = examples_of(batch)
    assert len(examples["lengths"]) == int((batch["pair_weights"] > 0).sum()) > 0
    (authors_batch,) = example_batches(examples, 100, 1.0, model.encoder.config, training=True)
    losses = AuthorsFormulation(model, RcMask(mask)).task_losses(authors_batch)
    assert float(losses["rc"]) == pytest.approx(float(model.task_losses(batch)["rc"]), rel=1e-4)
    assert np.isfinite(float(losses["ner"]))


def test_batches_stay_within_memory(random_pair_batch, tiny_config):
    from benchmarks.authors import example_batches, example_bytes, examples_of

    examples = examples_of(random_pair_batch(1, num_sentences=6))
    few = 2.5 * example_bytes(tiny_config, int(examples["lengths"].max()), training=True) / 2**30
    batches = list(example_batches(examples, 100, few, tiny_config, training=True))
    assert len(batches[0]["lengths"]) == 2 and sum(len(b["lengths"]) for b in batches) == len(examples["lengths"])
    assert all(b["token_ids"].shape[1] == b["lengths"].max() for b in batches)


def test_row(experiment, quick, eager):
    from benchmarks.train_rows import train_row

    row = train_row(experiment, 1, 8, 1.0, quick)
    assert row["ratio"] == pytest.approx(row["authors_ms_per_sentence"] / row["ours_ms_per_sentence"])
    assert row["sentences"] == 4 and row["ours_steps"] == 1
    assert row["authors_examples"] == row["kept_pairs_per_sentence"] * 4


def test_another_backend_is_an_error(parsed):
    from benchmarks import train_step
    from strtf.errors import StrtfError

    with pytest.raises(StrtfError, match="--backend must be tensorflow"):
        train_step.measure(parsed(train_step, "--backend=jax"), None)
