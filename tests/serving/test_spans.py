"""Spans in the graph against `TagScheme.decode` and the extractor's merging."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.extraction.extractor import _Span, _without_overlaps
from strtf.serving.spans import decode_tags, text_order, without_overlaps
from strtf.text.bieos import TagScheme


def decoded(tags, lengths):
    """Spans (start, end, type index) of each row, in token positions."""
    rows = [[] for _ in lengths]
    for row, *span in zip(*(c.numpy().tolist() for c in decode_tags(np.int32(tags), np.int32(lengths))), strict=True):
        rows[row].append(tuple(span))
    return rows


def test_all_tag_sequences_of_four_tokens():
    scheme = TagScheme(("0", "1"))
    inner = np.array(list(itertools.product(range(scheme.num_tags), repeat=4)), np.int32)  # illegal ones too
    tags = np.pad(inner, ((0, 0), (1, 1)))
    wanted = [[(a + 1, b + 1, int(t)) for a, b, t in scheme.decode(row)] for row in inner]
    assert decoded(tags, [6] * len(tags)) == wanted


def test_tags_of_cls_sep_and_padding_do_not_count():
    single = 4
    assert decoded([[single] * 5, [single] * 5], [5, 3]) == [[(1, 2, 0), (2, 3, 0), (3, 4, 0)], [(1, 2, 0)]]


def test_no_spans():
    assert decoded(np.zeros((2, 2)), [2, 2]) == [[], []]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 8)), max_size=12))
def test_of_two_that_overlap_the_first_stays(steps):
    first = np.cumsum([step for step, _ in steps]).astype(np.int32)
    last = (first + [length for _, length in steps]).astype(np.int32)
    kept = without_overlaps(first, last).numpy()
    wanted = _without_overlaps([_Span(a, b, "", 1.0) for a, b in zip(first.tolist(), last.tolist(), strict=True)])
    assert set(zip(first[kept], last[kept], strict=True)) == {(span.first, span.last) for span in wanted}


def test_of_two_firsts_the_longer_stays_whatever_their_order():
    for last in ([3, 5], [5, 3]):
        kept = without_overlaps(np.int32([2, 2]), np.int32(last)).numpy()
        assert np.int32(last)[kept].tolist() == [5]


def test_text_order_is_stable():
    places = [(4, 5), (3, 9), (3, 4), (4, 5), (0, 9)]
    first, last = np.int32(places).T
    assert text_order(first, last).numpy().tolist() == sorted(range(len(places)), key=places.__getitem__)
