import keras
import numpy as np
import pytest
import tensorflow as tf

from strtf.errors import StrtfError
from strtf.layers.crf import crf_log_likelihood
from strtf.models.base import Task
from strtf.models.focused_attention import pair_arrays

SENTENCES = [(11, [(1, 3, 3, 5), (1, 3, 7, 8), (3, 5, 7, 8)]), (7, []), (14, [(2, 6, 9, 12)])]


@pytest.fixture
def batch(pair_batch):
    return pair_batch(SENTENCES)


def padded(size, axis):
    return size + 2


class TestLosses:
    def test_ner_is_the_mean_negative_log_likelihood(self, make_model, batch):
        model = make_model(tasks="ner")
        output = model.encode(batch)["output"].numpy()[:, 1:]
        kernel, bias = (np.asarray(weight) for weight in model.tag_dense.weights)
        log_p = crf_log_likelihood(
            output @ kernel + bias, batch["tags"][:, 1:], batch["lengths"] - 1, model.crf.transitions
        )
        np.testing.assert_allclose(model.task_losses(batch)[Task.NER], -np.mean(log_p), rtol=1e-5)

    def test_ner_counts_sentences_by_weight(self, make_model, pair_batch, batch):
        model = make_model(tasks="ner")
        batch["sentence_weights"][1:] = 0.0
        alone = {name: batch[name][:1] for name in ("token_ids", "lengths", "tags", "sentence_weights")}
        np.testing.assert_allclose(model.task_losses(batch)[Task.NER], model.task_losses(alone)[Task.NER], rtol=1e-5)

    def test_rc_is_the_weighted_cross_entropy_of_its_logits(self, make_model, batch):
        model = make_model(tasks="rc")
        batch["pair_weights"] = np.float32([1.0, 2.0, 0.0, 1.0])
        logits = model.classify_pairs(batch, model.encode(batch)).numpy()
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        expected = -(batch["pair_weights"] * log_p[np.arange(4), batch["labels"]]).sum() / 4.0
        np.testing.assert_allclose(model.task_losses(batch)[Task.RC], expected, rtol=1e-5)

    def test_joint_has_the_losses_of_both(self, make_model, batch):
        assert make_model().task_losses(batch).keys() == {Task.NER, Task.RC}

    def test_no_pairs_have_no_rc_loss(self, make_model, pair_batch):
        assert float(make_model().task_losses(pair_batch([(8, []), (5, [])]))[Task.RC]) == 0.0

    def test_padding_changes_nothing(self, make_model, pair_batch, batch):
        model, wide = make_model(), pair_batch(SENTENCES, round_up=padded)
        for name in ("token_ids", "tags"):
            wide[name][:, : batch[name].shape[1]] = batch[name]
        wide["labels"][: len(batch["labels"])] = batch["labels"]
        plain, with_padding = model.task_losses(batch), model.task_losses(wide)
        np.testing.assert_allclose(list(with_padding.values()), list(plain.values()), rtol=1e-5)

    def test_loss_reaches_every_weight(self, make_model, batch):
        model = make_model(dropout=0.0)
        with tf.GradientTape() as tape:
            loss = sum(model.task_losses(batch, training=True).values())
        gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
        without = [w.path for w, g in zip(model.trainable_weights, gradients, strict=True) if g is None]
        assert without == []

    def test_dropout_only_while_training(self, make_model, batch):
        model = make_model(dropout=0.5)
        losses = [float(model.task_losses(batch, training=training)[Task.NER]) for training in (False, False, True)]
        assert losses[0] == losses[1] != losses[2]


class TestTag:
    def test_shapes(self, make_model, batch):
        model = make_model()
        tags, emissions = model.tag(batch, model.encode(batch))
        assert (tags.shape, emissions.shape) == ((3, 14), (3, 13, 9))

    def test_cls_and_padding_are_outside(self, make_model, batch):
        model = make_model()
        tags = np.asarray(model.tag(batch, model.encode(batch))[0])
        inside = (np.arange(14) > 0) & (np.arange(14) < batch["lengths"][:, None])
        assert not tags[~inside].any()

    def test_legal_decoding_ends_outside(self, make_model, batch):
        model = make_model()
        tags = np.asarray(model.tag(batch, model.encode(batch))[0])
        assert not tags[np.arange(3), batch["lengths"] - 1].any()

    def test_free_decoding_is_the_best_of_all_taggings(self, make_model, batch):
        legal, free = make_model(), make_model(legal_decoding=False)
        tags, emissions = free.tag(batch, free.encode(batch))
        legal_tags, _ = legal.tag(batch, legal.encode(batch))
        lengths, transitions = batch["lengths"] - 1, free.crf.transitions
        scores = [crf_log_likelihood(emissions, t[:, 1:], lengths, transitions) for t in (tags, legal_tags)]
        assert (np.asarray(scores[0]) > np.asarray(scores[1])).any()

    def test_span_log_probabilities_of_the_sentence_sum_to_one(self, make_model, tiny_schema, pair_batch):
        """Sentence of one token: it is outside, or a single-token entity of one type."""
        model, batch = make_model(), pair_batch([(3, [])])
        states = model.encode(batch)
        _, emissions = model.tag(batch, states)
        spans = {name: np.int32(value) for name, value in {"sentence": [0, 0], "start": [1, 1], "end": [2, 2]}.items()}
        tags = {name: np.int32([1 + i, 5 + i]) for i, name in enumerate(("begin", "inside", "last", "single"))}
        entity = np.exp(model.span_log_probabilities(batch, emissions, spans | tags)).sum()
        scores = np.asarray(emissions)[0, 0, [0, 4, 8]] + np.asarray(model.crf.transitions)[[0, 4, 8], 0]
        outside = np.exp(scores[0]) / np.exp(scores).sum()
        np.testing.assert_allclose(entity, 1 - outside, rtol=1e-4)


class TestTasks:
    def test_rc_only_refuses_to_tag(self, make_model, batch):
        model = make_model(tasks="rc")
        with pytest.raises(StrtfError, match=r"must be among those of the model: rc\. Received: ner"):
            model.tag(batch, model.encode(batch))

    def test_ner_only_refuses_to_classify(self, make_model, batch):
        model = make_model(tasks="ner")
        with pytest.raises(StrtfError, match=r"must be among those of the model: ner\. Received: rc"):
            model.classify_pairs(batch, model.encode(batch))

    def test_rc_only_runs_no_block_in_vain(self, make_model, batch):
        assert "output" not in make_model(tasks="rc", rc_context=False).encode(batch)

    def test_rc_only_classifies_as_joint(self, make_model, batch):
        joint, rc_only = make_model(rc_mask="cls_focused"), make_model(rc_mask="cls_focused", tasks="rc")
        weights = {weight.path: weight for weight in joint.weights}
        for weight in rc_only.weights:
            weight.assign(weights[weight.path])
        logits = [np.asarray(model.classify_pairs(batch, model.encode(batch))) for model in (joint, rc_only)]
        np.testing.assert_allclose(logits[0], logits[1], rtol=0, atol=1e-5)

    def test_ner_only_without_task_blocks_tags(self, make_model, batch):
        model = make_model(tasks="ner", num_task_blocks=0)
        assert model.tag(batch, model.encode(batch))[0].shape == (3, 14)


class TestContext:
    def test_is_the_largest_values_between_the_entities(self, make_model, batch):
        """Of the NER pass's rows; entities that touch have none."""
        model = make_model(rc_context=True, rc_distance=False, rc_types=False, rc_rivals=False)
        states = model.encode(batch)
        output, between = states["output"].numpy(), []
        for sentence, (_, end_1, start_2, _) in zip(batch["pair_sentence"], batch["pair_spans"], strict=True):
            rows = output[sentence, end_1:start_2]
            between.append(rows.max(axis=0) if len(rows) else np.zeros(output.shape[2]))
        assert {start_2 - end_1 for _, end_1, start_2, _ in batch["pair_spans"].tolist()} >= {0, 2, 3}
        features = np.concatenate([model.relation_pass(states, pair_arrays(batch)), between], axis=1)
        logits = model.pair_classifier(features.astype(np.float32))
        np.testing.assert_allclose(model.classify_pairs(batch, states), logits, rtol=0, atol=1e-5)

    def test_loss_reaches_every_weight(self, make_model, batch):
        model = make_model(rc_context=True, tasks="rc", dropout=0.0)
        with tf.GradientTape() as tape:
            (loss,) = model.task_losses(batch, training=True).values()
        gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
        assert all(gradient is not None for gradient in gradients)


class TestWeights:
    @pytest.mark.parametrize("tasks", ["joint", "ner", "rc"])
    def test_each_is_held_once(self, make_model, tasks):
        weights = make_model(tasks=tasks).weights
        assert len({id(weight) for weight in weights}) == len({weight.path for weight in weights}) == len(weights)

    def test_relation_pass_adds_none(self, make_model):
        paths = [weight.path for weight in make_model().weights]
        assert not [path for path in paths if "relation_pass" in path]

    def test_dense_and_exact_share_their_names(self, make_model):
        exact, dense = make_model(), make_model(rc_compute="dense")
        assert [w.path for w in exact.weights] == [w.path for w in dense.weights]

    @pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
    def test_mixed_precision_keeps_float32_weights(self, make_model, precision):
        dtypes = {keras.backend.standardize_dtype(weight.dtype) for weight in make_model(precision=precision).weights}
        assert dtypes == {"float32"}
