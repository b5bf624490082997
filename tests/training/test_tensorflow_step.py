"""One training step: losses fall, one trace serves all shapes, and the update is AdamW's on dense gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from strtf.config import ModelOptions, Precision, Tasks, TrainingOptions
from strtf.data.batches import TrainingBatches
from strtf.data.buckets import BucketedShapes
from strtf.data.shapes import ExactShapes, Unlimited
from strtf.training.optimizer import make_optimizer
from strtf.training.tensorflow_step import TensorFlowStep

FAST = {"learning_rate": 1e-3, "head_learning_rate": 1e-3, "warmup": 0.0, "rc_loss_weight": 1.0}


def make_step(model, total_steps=1000, **options):
    options = TrainingOptions(**FAST | {"precision": model.dtype_policy.name} | options)
    return TensorFlowStep(model, make_optimizer(options, total_steps, model), options)


def values(model):
    return {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables}


@pytest.fixture(scope="module")
def traced_step(tiny_model):
    return make_step(tiny_model(dropout=0.1), learning_rate=3e-3, head_learning_rate=1e-2)


@pytest.fixture
def repeated_ids(random_pair_batch):
    """A batch of which each token id occurs many times."""
    batch = random_pair_batch(1, num_sentences=4)
    return batch | {"token_ids": batch["token_ids"] % 7}


def test_weight_of_the_relation_loss(tiny_model, random_pair_batch, eagerly):
    """L_all = L_ner + w · L_rc in the metrics; at w = 0 the relation head gets no gradient."""
    model = tiny_model()
    before = values(model)
    metrics = make_step(model, rc_loss_weight=0.0, weight_decay=0.0)(random_pair_batch(0))
    assert metrics["loss"] == pytest.approx(metrics["loss_ner"]) and metrics["loss_rc"] > 0.1
    moved = {path for path, value in values(model).items() if not np.array_equal(value, before[path])}
    assert any("tag_dense" in path for path in moved) and not any("pair_classifier" in path for path in moved)
    metrics = make_step(model, rc_loss_weight=3.0)(random_pair_batch(0))
    assert metrics["loss"] == pytest.approx(metrics["loss_ner"] + 3.0 * metrics["loss_rc"], rel=1e-5)


def test_loss_falls_on_a_repeated_batch(traced_step, random_pair_batch):
    batch = random_pair_batch(0)
    losses = [traced_step(batch) for _ in range(40)]
    for name in ("loss", "loss_ner", "loss_rc"):
        assert losses[-1][name] < 0.8 * losses[0][name]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("tasks", "names"),
    [(Tasks.JOINT, {"loss_ner", "loss_rc"}), (Tasks.NER, {"loss_ner"}), (Tasks.RC, {"loss_rc"})],
)
def test_each_choice_of_tasks_trains_all_its_variables(tiny_model, random_pair_batch, tasks, names):
    model = tiny_model(tasks)
    step, before = make_step(model, weight_decay=0.0, clip_norm=0.0), values(model)
    metrics = step(random_pair_batch(0))
    assert set(metrics) == names | {"loss", "gradient_norm", "learning_rate"}
    assert metrics["loss"] == pytest.approx(sum(metrics[name] for name in names), rel=1e-6)  # Eq. (18)
    assert all(isinstance(value, float) for value in metrics.values())
    assert not [path for path, value in values(model).items() if np.array_equal(value, before[path])]


def test_one_trace_serves_batches_of_many_shapes(traced_step, random_pair_batch):
    batches = [random_pair_batch(seed, num_sentences=1 + seed, max_length=10 + 5 * seed) for seed in range(6)]
    batches.append(random_pair_batch(7, max_pairs=0))
    assert len({tuple(value.shape for value in batch.values()) for batch in batches}) == len(batches)
    for batch in batches:
        assert np.isfinite(traced_step(batch)["loss"])
    assert traced_step.num_traces == 1


def dense_gradients(model, batch):
    """Gradients of the joint loss; slices of a table's gradient summed by row."""
    variables = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.add_n(list(model.task_losses({k: tf.constant(v) for k, v in batch.items()}, True).values()))
    found = []
    for gradient in tape.gradient(loss, variables):
        if isinstance(gradient, tf.IndexedSlices):
            dense = np.zeros(tuple(gradient.dense_shape), np.float32)
            np.add.at(dense, gradient.indices.numpy(), gradient.values.numpy())
            found.append(dense)
        else:
            found.append(gradient.numpy())
    return {v.path: g for v, g in zip(model.trainable_variables, found, strict=True)}


@pytest.mark.usefixtures("eagerly")
def test_word_table_follows_adamw_of_dense_gradients(tiny_model, repeated_ids):
    model, path = tiny_model(), "encoder/embedding/word"
    before, gradient = values(model)[path], dense_gradients(model, repeated_ids)[path]
    make_step(model, learning_rate=1e-2, weight_decay=0.1, clip_norm=0.0)(repeated_ids)
    beta_1, beta_2, rate = 0.9, 0.999, 1e-2
    first, second = (1 - beta_1) * gradient, (1 - beta_2) * gradient**2
    alpha = rate * np.sqrt(1 - beta_2) / (1 - beta_1)
    expected = before * (1 - rate * 0.1) - alpha * first / (np.sqrt(second) + 1e-6)
    assert np.abs(gradient).max() > 1e-3
    np.testing.assert_allclose(values(model)[path], expected, atol=2e-5)


@pytest.mark.usefixtures("eagerly")
def test_reported_norm_is_that_of_the_unclipped_gradients(tiny_model, repeated_ids):
    model = tiny_model()
    gradients = dense_gradients(model, repeated_ids).values()
    expected = np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in gradients))
    assert make_step(model, clip_norm=1e-3)(repeated_ids)["gradient_norm"] == pytest.approx(expected, rel=1e-4)


class PlainDescent:
    """Stands in for the optimizer: w ← w − gradient."""

    def scale_loss(self, loss):
        return loss

    def apply(self, gradients, variables):
        for gradient, variable in zip(gradients, variables, strict=True):
            variable.assign_sub(gradient)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(("clip_norm", "expected"), [(0.01, 0.01), (1e9, None), (0.0, None)])
def test_gradients_are_clipped_to_the_norm(tiny_model, repeated_ids, monkeypatch, clip_norm, expected):
    monkeypatch.setattr(TensorFlowStep, "_learning_rate", lambda self: tf.constant(1.0))
    model = tiny_model()
    before = values(model)
    metrics = TensorFlowStep(model, PlainDescent(), TrainingOptions(clip_norm=clip_norm))(repeated_ids)
    moved = np.sqrt(sum(np.sum(np.square(before[path] - value)) for path, value in values(model).items()))
    assert moved == pytest.approx(expected or metrics["gradient_norm"], rel=1e-3)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("precision", list(Precision))
def test_each_precision_takes_a_finite_step(tiny_model, random_pair_batch, precision):
    model = tiny_model(precision=precision)
    before = values(model)
    metrics = make_step(model)(random_pair_batch(0))
    assert np.isfinite(list(metrics.values())).all()
    reference = make_step(tiny_model())(random_pair_batch(0))
    assert metrics["loss"] == pytest.approx(reference["loss"], rel=0.02)
    assert metrics["gradient_norm"] == pytest.approx(reference["gradient_norm"], rel=0.1)
    assert all(value.dtype == np.float32 and np.isfinite(value).all() for value in values(model).values())
    assert any(not np.array_equal(value, before[path]) for path, value in values(model).items())


def test_compiled_step_equals_the_plain_step(tiny_model, pairs_of_all_sizes, untraced):
    """Compiled, the pairs go in chunks, and each loop over them runs as often as the batch needs it."""
    options = TrainingOptions(batch_size=2, negative_keep=1.0)
    (_, plain), *_ = TrainingBatches(pairs_of_all_sizes, options).epoch(0)
    shapes = BucketedShapes(64, Unlimited(), longest_pair=40)
    (_, chunked), *_ = TrainingBatches(pairs_of_all_sizes, options, shapes).epoch(0)
    counts = [int(group["num_chunks"]) for group in chunked["chunks"]]
    assert min(counts) > 1 and any(count < len(g["labels"]) for count, g in zip(counts, chunked["chunks"], strict=True))
    compiled, model = tiny_model(), tiny_model()
    found = make_step(compiled, jit_compile=True)(chunked)
    with untraced():
        expected = make_step(model)(plain)
    assert found == pytest.approx(expected, rel=1e-5)
    for path, value in values(model).items():
        np.testing.assert_allclose(values(compiled)[path], value, atol=1e-5, err_msg=path)


def test_pairs_beyond_the_budget_cost_one_more_trace(tiny_model, pairs_of_all_sizes, random_pair_batch):
    step, options = make_step(tiny_model(dropout=0.1)), TrainingOptions(batch_size=2, negative_keep=1.0)
    memory = tiny_model().pair_memory(ModelOptions(rc_memory_mb=16), training=True)
    memory.budget = memory.bytes(np.full(40, 9), 64)
    made = [batch for _, batch in TrainingBatches(pairs_of_all_sizes, options, ExactShapes(memory)).epoch(0)]
    assert {"chunks" in batch for batch in made} == {True, False}
    for batch in (*made, random_pair_batch(0)):
        assert np.isfinite(step(batch)["loss"])
    assert step.num_traces == 2


@pytest.mark.usefixtures("eagerly")
def test_learning_rate_is_the_encoders_before_the_step(tiny_model, random_pair_batch):
    step, batch = (
        make_step(tiny_model(), total_steps=4, learning_rate=1e-3, head_learning_rate=0.5),
        random_pair_batch(0),
    )
    assert [step(batch)["learning_rate"] for _ in range(4)] == pytest.approx([1e-3, 1e-3, 2e-3 / 3, 1e-3 / 3])


def descended(model, batch, **options):
    """Weights after a step w ← w − gradient."""
    TensorFlowStep(model, PlainDescent(), TrainingOptions(clip_norm=0.0, rc_loss_weight=1.0, **options))(batch)
    return values(model)


@pytest.mark.usefixtures("eagerly")
def test_adversarial_gradients_are_those_of_the_moved_table(tiny_model, repeated_ids, monkeypatch):
    """Both gradients by hand, the second with the table moved by epsilon along the first."""
    monkeypatch.setattr(TensorFlowStep, "_learning_rate", lambda self: tf.constant(1.0))
    model, path, epsilon = tiny_model(), "encoder/embedding/word", 0.7
    before, first = values(model), dense_gradients(model, repeated_ids)
    shift = epsilon * first[path] / np.sqrt(np.sum(np.square(first[path], dtype=np.float64)))
    model.encoder.embedding.word.assign_add(shift)
    second = dense_gradients(model, repeated_ids)
    assert max(np.abs(second[p] - first[p]).max() for p in first) > 1e-2
    model.encoder.embedding.word.assign(before[path])
    for p, found in descended(model, repeated_ids, fgm_epsilon=epsilon).items():
        np.testing.assert_allclose(found, before[p] - first[p] - second[p], atol=2e-5, err_msg=p)


@pytest.mark.usefixtures("eagerly")
def test_adversarial_gradients_of_chunks(tiny_model, pairs_of_all_sizes, monkeypatch):
    monkeypatch.setattr(TensorFlowStep, "_learning_rate", lambda self: tf.constant(1.0))
    options = TrainingOptions(batch_size=2, negative_keep=1.0)
    runs = []
    for shapes in (None, BucketedShapes(64, Unlimited(), longest_pair=40)):
        (_, batch), *_ = TrainingBatches(pairs_of_all_sizes, options, shapes).epoch(0)
        assert ("chunks" in batch) == (shapes is not None)
        runs.append(descended(tiny_model(), batch, fgm_epsilon=0.7))
    for path, expected in runs[0].items():
        np.testing.assert_allclose(runs[1][path], expected, atol=1e-4, err_msg=path)


@pytest.mark.usefixtures("eagerly")
def test_the_table_is_left_as_it_was(tiny_model, random_pair_batch):
    """Without learning and decay nothing moves, to the bit, and the losses are those of the table in its place."""
    model, plain = tiny_model(), tiny_model()
    before = values(model)
    rates = {"learning_rate": 0.0, "head_learning_rate": 0.0, "weight_decay": 0.0}
    metrics = make_step(model, fgm_epsilon=5.0, **rates)(random_pair_batch(0))
    assert all(np.array_equal(value, before[path]) for path, value in values(model).items())
    assert metrics["loss"] == make_step(plain, **rates)(random_pair_batch(0))["loss"]
