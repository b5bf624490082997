"""Takes training steps on whichever backend is set, from weights and batches that do not depend on it.

    KERAS_BACKEND=… python -m tests.training.take_steps ENCODER_DIR CORPUS_DIR RESULT.npz CASE …

Writes, for each of these cases, `CASE/metric` [steps], `CASE/weight/path` and `CASE/average/path`.
"""

import dataclasses
import itertools
import sys

import keras
import numpy as np

from strtf.config import Experiment
from strtf.data.batches import TrainingBatches
from strtf.data.buckets import BucketedShapes
from strtf.data.load import load_training_splits
from strtf.data.shapes import Unlimited
from strtf.extraction.load import make_featurizer
from strtf.models.build import build_model
from strtf.pretrained.load import assign_weights, open_pretrained
from strtf.schema import Schema
from strtf.training.averaging import averaged_weights
from strtf.training.optimizer import make_optimizer
from strtf.training.step import make_step

STEPS = 20
# options of the model, options of training, whether pairs go in chunks of few shapes
CASES = {
    "at once": ({"rc_mask": "cls_focused", "rc_features": "cls"}, {}, False),
    "chunks": ({"num_task_blocks": 3}, {"rc_loss_weight": 10.0}, True),
    "ner": ({"tasks": "ner"}, {"clip_norm": 0.0}, False),
    "float16": ({}, {"precision": "mixed_float16", "rc_loss_weight": 300.0}, False),  # which overflows at first
    "options": (
        {},
        {"fgm_epsilon": 0.5, "ema_decay": 0.9, "task_block_learning_rate": 3e-3, "rc_gradient_share": 0.5},
        False,
    ),
    "options chunks": ({}, {"rdrop_weight": 2.0, "boundary_negatives": 0.5, "rc_gradient_share": 0.5}, True),
}


def take_steps(encoder_dir: str, corpus_dir: str, model, training, chunks: bool) -> dict[str, np.ndarray]:
    experiment = Experiment.from_json(
        {
            "data": {"data_dir": corpus_dir},
            "model": {"encoder": encoder_dir, "num_task_blocks": 2, "max_tokens": 64, "dropout": 0.0} | model,
            "training": {"batch_size": 4, "learning_rate": 1e-3, "head_learning_rate": 3e-3, "negative_keep": 0.5}
            | training,
        }
    )
    sentences, _ = load_training_splits(experiment.data)
    schema, pretrained = Schema.from_sentences(sentences), open_pretrained(encoder_dir)
    made = build_model(experiment, pretrained.config, schema)
    rng = np.random.default_rng(0)
    for variable in made.trainable_variables:
        centre = 1.0 if variable.path.endswith("gamma") else 0.0
        variable.assign(rng.normal(centre, 0.05, variable.shape))
    assign_weights(made.encoder, pretrained.weights)
    examples, _ = make_featurizer(experiment, schema, pretrained.vocabulary).corpus(sentences)
    shapes = BucketedShapes(max(len(e.token_ids) for e in examples), Unlimited()) if chunks else None
    batches = TrainingBatches(examples, experiment.training, shapes)
    if experiment.training.rdrop_weight:
        repeatable(made)
    optimizer = make_optimizer(experiment.training, STEPS, made)
    step = make_step(made, optimizer, dataclasses.replace(experiment.training, data_parallel=has_devices()))
    # without chunks each batch has a shape of its own, and JAX would compile for it
    stream = [batch for epoch in range(STEPS) for _, batch in batches.epoch(epoch if chunks else 0)]
    taken = (stream if chunks else stream[:1] * STEPS)[:STEPS]
    metrics = [step(batch) | {"programs": step.num_traces} for batch in taken]
    found = {name: np.array([row[name] for row in metrics]) for name in metrics[0]}
    found |= {f"weight/{path}": value for path, value in weights_of(made).items()}
    with averaged_weights(made, optimizer):
        return found | {f"average/{path}": value for path, value in weights_of(made).items()}


def has_devices() -> bool:
    """Whether a batch can be divided: `--xla_force_host_platform_device_count` makes several devices of a processor."""
    if keras.backend.backend() != "jax":
        return False
    import jax

    return len(jax.devices()) > 1


def weights_of(model) -> dict[str, np.ndarray]:
    return {variable.path: np.array(keras.ops.convert_to_numpy(variable)) for variable in model.trainable_variables}


def repeatable(model) -> None:
    """Every second answer is another, as under R-Drop, but without dropout, whose masks differ between backends."""
    classify, factors = model.classify_pairs, itertools.cycle((1.0, 0.3))
    model.classify_pairs = lambda *arguments: classify(*arguments) * next(factors)


if __name__ == "__main__":
    encoder, corpus, result, *cases = sys.argv[1:]
    arrays = {}
    for case in cases:
        arrays |= {f"{case}/{name}": value for name, value in take_steps(encoder, corpus, *CASES[case]).items()}
    np.savez(result, **arrays)
