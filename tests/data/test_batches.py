import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.config import NegativeSampling, PriorCorrection, TrainingOptions
from strtf.data.batches import (
    TrainedPairs,
    TrainingBatches,
    exact_size,
    pad_sentences,
    plan_batches,
    training_batch,
)
from strtf.data.boundaries import possible_sizes
from strtf.data.buckets import BucketedShapes
from strtf.data.features import Example
from strtf.data.shapes import ExactShapes, Unlimited
from strtf.schema import candidate_pairs

LENGTHS = st.lists(st.integers(2, 40), min_size=1, max_size=120)


def example(number, num_entities=6):
    """One-token entities at 1, 3, 5, …; every third pair is related."""
    length = 2 * num_entities + 3 + number % 5
    starts = 1 + 2 * np.arange(num_entities)
    pairs = np.array(candidate_pairs(num_entities), np.int32).reshape(-1, 2)
    return Example(
        f"s{number}",
        np.full(length, number + 1, np.int32),
        np.full((1, length), number % 7, np.int32),
        np.stack([starts, starts + 1], axis=1).astype(np.int32),
        np.arange(num_entities, dtype=np.int32) % 3,
        pairs,
        (np.arange(len(pairs)) % 3 == 0).astype(np.int32) * (1 + number % 2),
    )


EXAMPLES = [example(i) for i in range(37)]


def batches(epoch=0, first_step=0, examples=EXAMPLES, **options):
    return list(TrainingBatches(examples, TrainingOptions(**{"batch_size": 4} | options)).epoch(epoch, first_step))


def trained_pairs(made):
    """(sentence id, spans) of all pairs that weigh something."""
    return {
        (ids[batch["pair_sentence"][pair]], tuple(batch["pair_spans"][pair].tolist()))
        for ids, batch in made
        for pair in np.flatnonzero(batch["pair_weights"])
    }


def count(epoch_batches, positive):
    return sum(int(((b["labels"] > 0) == positive)[b["pair_weights"] > 0].sum()) for _, b in epoch_batches)


def assert_same(left, right):
    assert [ids for ids, _ in left] == [ids for ids, _ in right]
    for (_, one), (_, other) in zip(left, right, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)


class TestTrainingBatches:
    def test_seed_and_epoch_decide_everything(self):
        assert_same(batches(epoch=3, seed=1), batches(epoch=3, seed=1))

    @pytest.mark.parametrize("other", [{"epoch": 4, "seed": 1}, {"epoch": 3, "seed": 2}])
    def test_other_seed_or_epoch_is_another_order(self, other):
        assert [ids for ids, _ in batches(epoch=3, seed=1)] != [ids for ids, _ in batches(**other)]

    @pytest.mark.parametrize("first_step", [0, 1, 7, 10])
    def test_first_step_skips_exactly(self, first_step):
        assert_same(batches(epoch=2, first_step=first_step), batches(epoch=2)[first_step:])

    def test_a_batch_is_no_larger_than_the_corpus(self):
        [(ids, batch)] = batches(batch_size=10_000)
        assert len(batch["token_ids"]) == len(ids)

    def test_each_example_comes_once(self):
        ids = [sentence_id for ids, _ in batches() for sentence_id in ids]
        assert sorted(ids) == sorted(e.id for e in EXAMPLES)

    @settings(deadline=None, max_examples=20)
    @given(st.integers(1, 150), st.integers(1, 5))
    def test_steps_per_epoch(self, size, batch_size):
        made = TrainingBatches([EXAMPLES[0]] * size, TrainingOptions(batch_size=batch_size))
        lengths = [len(EXAMPLES[0].token_ids)] * size
        assert made.steps_per_epoch == len(plan_batches(lengths, batch_size, np.random.default_rng(0)))

    @pytest.mark.parametrize("keep", [0.0, 0.3, 1.0])
    def test_positives_are_always_kept(self, keep):
        expected = sum(int((e.labels > 0).sum()) for e in EXAMPLES)
        assert count(batches(negative_keep=keep), positive=True) == expected

    @pytest.mark.parametrize(("keep", "low", "high"), [(0.0, 0, 0), (0.3, 0.2, 0.4), (1.0, 1, 1)])
    def test_share_of_negatives(self, keep, low, high):
        total = sum(int((e.labels == 0).sum()) for e in EXAMPLES)
        assert low * total <= count(batches(negative_keep=keep), positive=False) <= high * total

    def test_negatives_of_once_are_the_same_each_epoch(self):
        drawn = [trained_pairs(batches(epoch=e, negative_sampling=NegativeSampling.ONCE)) for e in (0, 1)]
        assert drawn[0] == drawn[1]

    def test_negatives_of_epoch_are_drawn_anew(self):
        drawn = [trained_pairs(batches(epoch=e, negative_sampling=NegativeSampling.EPOCH)) for e in (0, 1)]
        assert drawn[0] != drawn[1]

    @pytest.mark.parametrize(("correction", "weight"), [("none", 1.0), ("logit", 1.0), ("weight", 4.0)])
    def test_weight_of_negatives(self, correction, weight):
        made = batches(negative_keep=0.25, prior_correction=PriorCorrection(correction))
        weights = np.concatenate([b["pair_weights"][b["labels"] == 0] for _, b in made])
        assert set(weights.tolist()) <= {0.0, weight} and weight in weights

    def test_positives_weigh_one(self):
        made = batches(negative_keep=0.25, prior_correction=PriorCorrection.WEIGHT)
        assert {w for _, b in made for w in b["pair_weights"][b["labels"] > 0].tolist()} == {1.0}

    def test_pairs_with_a_wrong_boundary_are_added_to_the_others(self):
        """They are no annotated pairs, never related, and weigh 1 where other negatives weigh more."""
        options = {"negative_keep": 0.25, "prior_correction": PriorCorrection.WEIGHT}
        plain, more = batches(**options), batches(boundary_negatives=0.5, **options)
        added = trained_pairs(more) - trained_pairs(plain)
        assert trained_pairs(plain) < trained_pairs(more) and len(added) > 20
        known = {(e.id, tuple(spans)) for e in EXAMPLES for spans in e.pair_spans(slice(None)).tolist()}
        assert not added & known
        for ids, batch in more:
            for sentence, spans, label, weight in zip(
                batch["pair_sentence"], batch["pair_spans"], batch["labels"], batch["pair_weights"], strict=True
            ):
                if (ids[sentence], tuple(spans.tolist())) in added:
                    assert (label, weight) == (0, 1.0)

    def test_wrong_boundaries_are_drawn_anew_each_epoch(self):
        options = {"boundary_negatives": 0.5, "negative_sampling": NegativeSampling.ONCE}
        drawn = [trained_pairs(batches(epoch=epoch, **options)) for epoch in (0, 1, 1)]
        assert drawn[0] != drawn[1] == drawn[2]

    def test_last_batch_has_full_size(self):
        assert {len(b["lengths"]) for _, b in batches()} == {4}

    @pytest.mark.parametrize("shapes", [None, BucketedShapes(32, Unlimited())], ids=["exact", "few"])
    def test_without_pairs_the_rest_is_the_same(self, shapes):
        options = TrainingOptions(batch_size=4, token_masking=0.3, boundary_negatives=0.5)
        whole, less = (list(TrainingBatches(EXAMPLES, options, shapes, 900, pairs).epoch(2)) for pairs in (True, False))
        names = {"token_ids", "lengths", "tags", "sentence_weights"}
        assert_same([(ids, {name: batch[name] for name in names}) for ids, batch in whole], less)

    def test_examples_without_entities(self):
        (_, batch), *_ = batches(examples=[example(0, num_entities=0)])
        assert batch["pair_weights"].sum() == 0 and batch["sentence_weights"].tolist() == [1]


class TestTokenMasking:
    MASK = 900  # no token of an example

    def batches(self, epoch=0, first_step=0, probability=0.3):
        options = TrainingOptions(batch_size=4, token_masking=probability)
        return list(TrainingBatches(EXAMPLES, options, mask_id=self.MASK).epoch(epoch, first_step))

    def ids(self, made):
        """Token ids of each sentence, by its id."""
        rows = [(name, ids[:length].tolist()) for names, b in made
                for name, ids, length in zip(names, b["token_ids"], b["lengths"], strict=False)]  # fmt: skip
        return dict(rows)

    def test_about_the_given_share_is_hidden_and_nothing_else_changes(self):
        plain, masked = batches(), self.batches()
        for (names, before), (same_names, after) in zip(plain, masked, strict=True):
            assert names == same_names
            kept = after["token_ids"] != self.MASK
            np.testing.assert_array_equal(after["token_ids"][kept], before["token_ids"][kept])
            for name in before.keys() - {"token_ids"}:
                np.testing.assert_array_equal(after[name], before[name])
        inner = np.concatenate([ids[1:-1] for ids in self.ids(masked).values()])
        assert 0.25 < (inner == self.MASK).mean() < 0.35

    def test_the_sentence_keeps_its_ends(self):
        assert all({ids[0], ids[-1]} == {int(name[1:]) + 1} for name, ids in self.ids(self.batches(0, 0, 1.0)).items())

    def test_other_tokens_each_epoch_and_the_same_when_repeated(self):
        first, second, again = (self.ids(self.batches(epoch)) for epoch in (0, 1, 1))
        assert first != second == again

    def test_a_later_start_hides_the_same_tokens(self):
        assert self.ids(self.batches(1, first_step=3)).items() <= self.ids(self.batches(1)).items()


class TestTrainingBatch:
    CHOSEN = (np.array([0, 1]), np.array([], np.int64), np.array([3]))

    def batch(self, shapes=None):
        trained = [
            TrainedPairs(
                e.pair_spans(c), e.pair_types(c), e.pair_rivals(c), e.labels[c], np.float32([0.5, 2.0])[: len(c)]
            )
            for e, c in zip(EXAMPLES, self.CHOSEN, strict=False)
        ]
        return training_batch(EXAMPLES[:3], trained, shapes or ExactShapes(Unlimited()), 4)

    def test_pairs_belong_to_their_sentences(self):
        assert self.batch()["pair_sentence"].tolist() == [0, 0, 2]

    def test_facts_are_those_of_the_chosen_pairs(self):
        batch = self.batch()
        assert batch["pair_types"].tolist() == [[0, 1], [0, 2], [0, 1]]
        assert batch["pair_rivals"].tolist() == [[0, 0], [0, 0], [1, 1]]

    def test_labels_are_those_of_the_chosen_pairs(self):
        expected = [EXAMPLES[0].labels[0], EXAMPLES[0].labels[1], EXAMPLES[2].labels[3]]
        assert self.batch()["labels"].tolist() == expected

    def test_weights_are_those_of_the_chosen_pairs(self):
        assert self.batch()["pair_weights"].tolist() == [0.5, 2.0, 0.5]

    def test_tags_are_padded_with_outside(self):
        tags = self.batch()["tags"]
        length = len(EXAMPLES[1].token_ids)
        np.testing.assert_array_equal(tags[1, :length], EXAMPLES[1].tags[0])
        assert not tags[1, length:].any()

    def test_layers_of_a_sentence_are_rows_side_by_side(self):
        layered = [dataclasses.replace(e, tags=np.concatenate([e.tags, e.tags + 1])) for e in EXAMPLES[:2]]
        trained = [TrainedPairs(np.zeros((0, 4), np.int32), *[np.zeros((0, 2), np.int32)] * 2, *[np.zeros(0)] * 2)] * 2
        tags = training_batch(layered, trained, ExactShapes(Unlimited()), 3)["tags"]
        assert tags.shape[0] == 3 * 2
        for row, expected in enumerate((*layered[0].tags, *layered[1].tags)):
            np.testing.assert_array_equal(tags[row, : len(expected)], expected)
        assert not tags[4:].any()

    def test_a_sentence_that_fills_the_batch_weighs_nothing(self):
        assert self.batch()["sentence_weights"].tolist() == [1, 1, 1, 0]

    def test_chunks_hold_the_same_pairs(self):
        plain, chunked = self.batch(), self.batch(BucketedShapes(32, Unlimited()))
        assert "pair_rows" not in chunked
        names = ("pair_sentence", "pair_spans", "labels", "pair_weights")
        for name in names:
            kept = [group[name][group["pair_weights"] > 0] for group in chunked["chunks"]]
            np.testing.assert_array_equal(np.concatenate(kept), plain[name], err_msg=name)


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(0)
    sizes = [(int(rng.integers(4, 120)), float(rng.choice([0.02, 0.1, 0.4]))) for _ in range(200)]
    return [mixed_example(f"m{i}", rng, length, density) for i, (length, density) in enumerate(sizes)]


class TestFewShapes:
    """Short and long sentences, few and many entities, short and long pairs."""

    def shapes(self, examples, boundary_negatives=0.0):
        sizes = [possible_sizes(e, boundary_negatives) for e in examples]
        longest_pair = int(max(s.max(initial=1) for s in sizes))
        longest = max(len(e.token_ids) for e in examples)
        return BucketedShapes(longest, Unlimited(), longest_pair)

    def batches(self, examples, epochs=3, boundary_negatives=0.0):
        options = TrainingOptions(batch_size=8, negative_keep=0.3, boundary_negatives=boundary_negatives)
        made = TrainingBatches(examples, options, self.shapes(examples, boundary_negatives))
        return [batch for epoch in range(epochs) for _, batch in made.epoch(epoch)]

    @pytest.mark.parametrize("boundary_negatives", [0.0, 1.0])
    def test_a_mixed_corpus_has_at_most_twelve(self, mixed, boundary_negatives):
        made = self.batches(mixed, boundary_negatives=boundary_negatives)
        assert len(made) == 3 * 25
        assert len({batch["token_ids"].shape[1] for batch in made}) == 3
        assert len({signature(batch) for batch in made}) <= 12

    def test_some_batches_need_many_chunks(self, mixed):
        counts = [group["num_chunks"] for batch in self.batches(mixed, 1) for group in batch["chunks"]]
        assert max(counts) > 3 and min(counts) == 0

    def test_nothing_is_lost(self, mixed):
        options = TrainingOptions(batch_size=8, negative_keep=0.3)
        for (_, plain), (_, chunked) in zip(
            TrainingBatches(mixed, options).epoch(1),
            TrainingBatches(mixed, options, self.shapes(mixed)).epoch(1),
            strict=True,
        ):
            assert plain["pair_weights"].sum() == sum(group["pair_weights"].sum() for group in chunked["chunks"])
            assert plain["lengths"].tolist() == chunked["lengths"].tolist()


def mixed_example(name, rng, length, density):
    number = int(density * length)
    starts = np.sort(rng.choice(np.arange(1, length), number, replace=False))
    ends = np.minimum(starts + rng.geometric(0.25, number), length)
    pairs = np.array(candidate_pairs(number), np.int32).reshape(-1, 2)
    labels = (rng.random(len(pairs)) < 0.2).astype(np.int32)
    ids = np.ones(length + 1, np.int32)
    return Example(name, ids, ids[None], np.stack([starts, ends], axis=1).astype(np.int32), starts * 0, pairs, labels)


def signature(batch):
    groups = [group.items() for group in batch.get("chunks", ())]
    flat = [batch.items(), *groups]
    return tuple(np.shape(value) for items in flat for name, value in items if name != "chunks")


@settings(deadline=None, max_examples=30)
@given(LENGTHS, st.integers(1, 6))
def test_plan_is_a_partition_in_full_batches(lengths, batch_size):
    plan = plan_batches(lengths, batch_size, np.random.default_rng(0))
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(lengths)))
    assert max(map(len, plan)) <= batch_size


def test_plan_puts_like_lengths_together():
    lengths = np.arange(64) % 32
    plan = plan_batches(lengths, 4, np.random.default_rng(0))
    assert max(np.ptp(lengths[indices]) for indices in plan) <= 2


def test_pad_sentences_fills_up_with_short_rows():
    batch = pad_sentences([np.int32([2, 7, 3])], exact_size, size=2)
    assert (batch["token_ids"].tolist(), batch["lengths"].tolist()) == ([[2, 7, 3], [0, 0, 0]], [3, 2])
