import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.data.pairs import pack_pairs, pair_sizes, pair_tokens_sorted, rivals_between, stack_chunks
from strtf.data.shapes import PairChunks, PairShape
from strtf.schema import candidate_pairs

SPAN = st.tuples(st.integers(1, 12), st.integers(1, 6)).map(lambda drawn: (drawn[0], drawn[0] + drawn[1]))
PAIR = st.tuples(SPAN, SPAN).map(lambda spans: sum(sorted(spans), ()))  # in text order; overlaps included
PAIRS = st.lists(PAIR, min_size=1, max_size=8).map(np.int32)
PADDINGS = st.integers(0, 4)
# touching, one token each, overlapping, nested, identical, same start
EXAMPLES = np.int32([[1, 3, 3, 6], [2, 3, 5, 6], [1, 5, 3, 7], [1, 8, 3, 5], [2, 5, 2, 5], [2, 3, 2, 6]])


def members(span):
    """S_p = {[CLS]} ∪ EN1 ∪ EN2."""
    start_1, end_1, start_2, end_2 = span
    return {0} | set(range(start_1, end_1)) | set(range(start_2, end_2))


def exact(size, axis):
    return size


def pack(spans, padding=0):
    return pack_pairs(np.arange(len(spans)), spans, lambda size, axis: size + padding)


class TestRivalsBetween:
    @given(st.lists(st.integers(0, 3), max_size=9))
    def test_is_the_count(self, types):
        pairs = candidate_pairs(len(types))
        wanted = [[types[i + 1 : j].count(types[end]) for end in (i, j)] for i, j in pairs]
        found = rivals_between(np.array(types, np.int32), np.array(pairs, np.int32))
        assert found.tolist() == wanted and found.dtype == np.int32 and found.shape == (len(pairs), 2)


class TestPairTokensSorted:
    @settings(deadline=None, max_examples=60)
    @given(PAIRS)
    def test_holds_each_token_of_the_pair_once(self, spans):
        positions, _ = pair_tokens_sorted(spans)
        for row, span in zip(positions, spans, strict=True):
            assert row[row >= 0].tolist() == sorted(members(span))

    @pytest.mark.parametrize("span", EXAMPLES.tolist(), ids=str)
    def test_named_cases(self, span):
        positions, _ = pair_tokens_sorted(np.int32([span]))
        assert positions[0].tolist() == sorted(members(span))

    @settings(deadline=None, max_examples=30)
    @given(PAIRS)
    def test_padding_stands_behind(self, spans):
        positions, sizes = pair_tokens_sorted(spans)
        np.testing.assert_array_equal(positions >= 0, np.arange(positions.shape[1]) < sizes[:, None])

    @settings(deadline=None, max_examples=30)
    @given(PAIRS)
    def test_sizes_are_those_of_pair_sizes(self, spans):
        np.testing.assert_array_equal(pair_sizes(spans), pair_tokens_sorted(spans)[1])

    def test_is_as_wide_as_the_largest(self):
        assert pair_tokens_sorted(EXAMPLES)[0].shape == (6, 8)

    def test_no_pairs(self):
        positions, sizes = pair_tokens_sorted(np.zeros((0, 4), np.int32))
        assert (len(positions), len(sizes)) == (0, 0)


class TestPackPairs:
    @settings(deadline=None, max_examples=30)
    @given(PAIRS, PADDINGS)
    def test_slots_and_rows_are_inverse(self, spans, padding):
        packed = pack(spans, padding)
        valid = packed["pair_rows"] >= 0
        slots = packed["row_slots"][packed["slot_rows"]]  # of the row of each slot
        np.testing.assert_array_equal(slots[valid], np.flatnonzero(valid.ravel()))

    @settings(deadline=None, max_examples=30)
    @given(PAIRS, PADDINGS)
    def test_every_valid_slot_has_a_row_of_its_own(self, spans, padding):
        packed = pack(spans, padding)
        valid = packed["pair_rows"] >= 0
        assert sorted(packed["slot_rows"][valid].tolist()) == list(range(valid.sum()))

    @settings(deadline=None, max_examples=30)
    @given(PAIRS, PADDINGS)
    def test_real_pairs_are_kept(self, spans, padding):
        packed, count = pack(spans, padding), len(spans)
        np.testing.assert_array_equal(packed["pair_spans"][:count], spans)
        np.testing.assert_array_equal(packed["pair_sentence"][:count], np.arange(count))

    def test_facts_are_kept_and_padded(self):
        types = np.arange(12).reshape(6, 2)
        packed = pack_pairs(np.arange(6), EXAMPLES, lambda size, axis: size + 1, {"pair_types": types})
        assert packed["pair_types"].tolist() == [*types.tolist(), [0, 0]]
        assert not packed["pair_rivals"].any() and packed["pair_rivals"].shape == (7, 2)

    def test_padding_pairs_are_cls_of_the_first_sentence(self):
        packed = pack(EXAMPLES, padding=2)
        assert packed["pair_sentence"][6:].tolist() == [0, 0]
        assert packed["pair_rows"][6:, 0].tolist() == [0, 0] and (packed["pair_rows"][6:, 1:] == -1).all()

    def test_padding_indices_stay_in_range(self):
        packed = pack(EXAMPLES, padding=3)
        assert packed["slot_rows"].max() < len(packed["row_slots"])
        assert packed["row_slots"].max() < packed["pair_rows"].size

    @pytest.mark.parametrize(("axis", "shape"), [("P", (11, 8)), ("M", (6, 13)), ("R", (6, 8))])
    def test_each_axis_is_rounded_by_name(self, axis, shape):
        packed = pack_pairs(np.zeros(6), EXAMPLES, lambda size, name: size + 5 * (name == axis))
        assert packed["pair_rows"].shape == shape
        total = pair_sizes(EXAMPLES).sum()
        assert len(packed["row_slots"]) == total + 5 * (axis in "PR")  # a padding pair has one row

    def test_no_pairs_leave_one_padding_pair(self):
        packed = pack_pairs(np.zeros(0), np.zeros((0, 4), np.int32), exact)
        assert packed["pair_rows"].tolist() == [[0, -1]]

    def test_all_is_int32(self):
        assert {array.dtype for array in pack(EXAMPLES).values()} == {np.dtype("int32")}


class TestStackChunks:
    CHUNKS = PairChunks([np.array([4, 0]), np.array([2])], PairShape(2, 8, 14))

    TYPES = np.arange(12).reshape(6, 2)

    def stacked(self, least=3):
        facts = {"pair_types": self.TYPES}
        return stack_chunks(self.CHUNKS, np.arange(6), EXAMPLES, facts, {"labels": np.arange(6) + 10}, least)

    def test_each_chunk_is_packed(self):
        stacked = self.stacked()
        for number, part in enumerate(self.CHUNKS.parts):
            packed = pack_pairs(part, EXAMPLES[part], self.CHUNKS.shape.size, {"pair_types": self.TYPES[part]})
            for name, array in packed.items():
                np.testing.assert_array_equal(stacked[name][number], array, err_msg=name)

    def test_targets_go_with_their_pairs(self):
        assert self.stacked()["labels"].tolist() == [[14, 10], [12, 0], [0, 0]]

    def test_empty_chunks_are_not_counted(self):
        stacked = self.stacked()
        assert (stacked["num_chunks"], stacked["pair_rows"].shape) == (2, (3, 2, 8))

    def test_no_pairs(self):
        stacked = stack_chunks(PairChunks([], PairShape(1, 2, 1)), np.zeros(0), np.zeros((0, 4), np.int32), {}, {})
        assert (stacked["num_chunks"], stacked["pair_rows"].shape) == (0, (1, 1, 2))
