"""Extraction with a stub whose answers are known: windows, offsets, pairs."""

import itertools
import re

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from strtf.config import PairFilter, PairScope
from strtf.extraction.decision import Decision
from strtf.text.windows import first_window_holding

# Entities of the stub, as a regular expression over the text
ENTITY = re.compile(r"d[e]*f|[abc]")
TYPES = {"a": "Body Part", "b": "Degree", "c": "Location", "d": "Body Part"}
texts = st.lists(
    st.sampled_from(["a", "b", "c", "df", "def", "左", "。", "，", " ", "\n", "😀", "e", "f", "d"]), max_size=120
).map("".join)
any_text = st.lists(st.one_of(st.characters(exclude_categories=[]), st.sampled_from("aBÀdf😀")), max_size=150).map(
    "".join
)
SETTINGS = hypothesis.settings(
    deadline=None, max_examples=30, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)


def spans(extraction):
    return [(entity.start, entity.end, entity.type) for entity in extraction.entities]


def related_pairs(extraction):
    """Unordered pairs of spans, in text order."""
    by_id = {entity.id: entity.span for entity in extraction.entities}
    return [tuple(sorted((by_id[r.head], by_id[r.tail]))) for r in extraction.relations]


def window_pairs(extractor, text, found):
    """Pairs of found spans that some window holds."""
    windows = extractor.featurizer.tokenize(text).windows
    pairs = itertools.combinations([(start, end) for start, end, _ in found], 2)
    return [(a, b) for a, b in pairs if first_window_holding(windows, a[0], max(a[1], b[1])) is not None]


def test_entities_are_where_they_stand(stub_extractor):
    [found] = stub_extractor().extract(["左a降dEf。bC"])
    assert spans(found) == [(1, 2, "Body Part"), (3, 6, "Body Part"), (7, 8, "Degree"), (8, 9, "Location")]
    assert [entity.id for entity in found.entities] == ["e1", "e2", "e3", "e4"]
    assert found.entity_probabilities == pytest.approx((1.0, 1 / 3, 1.0, 1.0))


def test_directions_follow_the_class(stub_extractor):
    [found] = stub_extractor().extract(["adf"])
    assert [(r.head, r.tail, r.type) for r in found.relations] == [("e1", "e2", "Position")]
    [found] = stub_extractor().extract(["ab"])
    assert [(r.head, r.tail, r.type) for r in found.relations] == [("e2", "e1", "Modifier")]
    assert found.relation_probabilities == pytest.approx([np.exp(3) / (np.exp(3) + 1)])


@SETTINGS
@hypothesis.given(st.lists(texts, max_size=5), st.sampled_from([(8, 0), (12, 6), (32, 8)]))
def test_every_text_gives_disjoint_entities_and_each_pair_of_a_window_once(stub_extractor, documents, sizes):
    extractor = stub_extractor(max_tokens=sizes[0], window_overlap=sizes[1])
    for text, found in zip(documents, extractor.extract(documents), strict=True):
        expected = [(*match.span(), TYPES[match[0][0]]) for match in ENTITY.finditer(text)]
        ends = [0, *(end for _, end, _ in spans(found))]
        assert all(start >= end for (start, _, _), end in zip(spans(found), ends, strict=False))
        assert set(spans(found)) <= set(expected)
        windows = extractor.featurizer.tokenize(text).windows
        assert {span for span in expected if first_window_holding(windows, *span[:2]) is not None} <= set(spans(found))
        assert related_pairs(found) == window_pairs(extractor, text, spans(found))


@SETTINGS
@hypothesis.given(any_text)
def test_offsets_count_code_points_of_any_text(stub_extractor, text):
    extractor = stub_extractor(max_tokens=256)
    tokens = {
        number: token if len(token) == 1 else "?"
        for token, number in extractor.featurizer.tokenizer.vocabulary.ids.items()
    }
    folded = "".join(
        tokens[number % len(tokens)] for number in extractor.featurizer.tokenize(text).encoding.ids.tolist()
    )
    assert len(folded) == len(text)
    [found] = extractor.extract([text])
    assert spans(found) == [(*match.span(), TYPES[match[0][0]]) for match in ENTITY.finditer(folded)]


def test_a_long_text_finds_all_of_its_entities(stub_extractor):
    text = ("左主干a，近段b。" + "右" * 3 + "def。") * 330
    assert len(text) > 5000
    extractor = stub_extractor(max_tokens=64, window_overlap=16)
    [found] = extractor.extract([text])
    assert spans(found) == [(*match.span(), TYPES[match[0][0]]) for match in ENTITY.finditer(text)]
    pairs = related_pairs(found)
    assert pairs == window_pairs(extractor, text, spans(found))
    assert len(pairs) == len(set(pairs)) > 990
    assert sum(extractor.model.scored_pairs) == len(pairs)


def test_where_windows_disagree_the_one_with_more_context_decides(stub_extractor):
    extractor = stub_extractor(max_tokens=32, window_overlap=8)
    extractor.model.edge_tag = extractor.featurizer.scheme.names.index("S-Degree")
    [found] = extractor.extract(["a" * 100])
    assert len(extractor.featurizer.tokenize("a" * 100).windows) > 3
    # a window's edges are the text's own only at its first and last two characters
    assert [start for start, _, kind in spans(found) if kind == "Degree"] == [0, 1, 98, 99]
    assert len(found.entities) == 100


@SETTINGS
@hypothesis.given(st.lists(st.sampled_from(["a", "b", "def", "左", "\n"]), max_size=60).map("".join))
def test_relations_stay_within_a_line_where_the_scope_is_one(stub_extractor, text):
    everywhere, by_line = (
        stub_extractor(max_tokens=12, window_overlap=6, pair_scope=scope).extract([text])[0] for scope in PairScope
    )
    assert by_line.entities == everywhere.entities
    assert related_pairs(by_line) == [(a, b) for a, b in related_pairs(everywhere) if "\n" not in text[a[0] : b[0]]]


@pytest.mark.parametrize("text", ["", "a", "左", "\n", "😀", "\u2028", "\ud800"])
def test_tiny_texts(stub_extractor, text):
    [found] = stub_extractor().extract([text])
    assert len(found.entities) == (text == "a")
    assert found.relations == ()


def test_no_texts(stub_extractor):
    assert stub_extractor().extract([]) == []


def test_the_order_of_documents_does_not_matter(stub_extractor):
    documents = ["ab" * n for n in (1, 40, 3, 0, 17)]
    extractor = stub_extractor()
    assert extractor.extract(documents[::-1]) == extractor.extract(documents)[::-1]


def test_only_pairs_of_seen_types_are_scored(stub_extractor):
    extractor = stub_extractor(pair_filter=PairFilter.SEEN_TYPES)
    [found] = extractor.extract(["aabc"])
    assert related_pairs(found) == [((0, 1), (2, 3)), ((0, 1), (3, 4)), ((1, 2), (2, 3)), ((1, 2), (3, 4))]
    assert sum(extractor.model.scored_pairs) == 4


@pytest.mark.parametrize(("shift", "number"), [(0.0, 1), (2.9, 1), (3.1, 0)])
def test_the_offset_moves_the_decision(stub_extractor, shift, number):
    extractor = stub_extractor()
    extractor.decision.relation_offset = -shift
    [found] = extractor.extract(["ab"])
    assert len(found.relations) == number


def test_relations_have_the_decisions_probabilities(stub_extractor):
    extractor = stub_extractor()
    extractor.decision = Decision(relation_slope=0.5, relation_offset=-1.0, relation_ends=1.0, relation_threshold=0.0)
    [found] = extractor.extract(["ab"])
    head, tail = found.entity_probabilities
    assert found.relation_margins == (3.0,)
    assert found.relation_probabilities == pytest.approx([head * tail / (1.0 + np.exp(-0.5))])


def test_given_entities_have_a_threshold_of_their_own(stub_extractor):
    extractor = stub_extractor()
    extractor.decision.given_threshold = 1.0
    assert extractor.relate(["左主干近段狭窄"], [[(0, 2, "Degree"), (2, 3, "Location")]]) == [[]]
    assert extractor.extract(["ab"])[0].relations


def test_deciding_again_is_extracting_again(stub_extractor):
    """What was found with every pair kept, decided otherwise, is what is found with that decision."""
    extractor = stub_extractor()
    extractor.decision.relation_threshold = 0.0
    found = extractor.extract(["ab", "aabc", ""])
    extractor.decision = Decision(relation_slope=0.4, relation_offset=-0.7, relation_ends=1.0, relation_threshold=0.1)
    assert [each.decided(extractor.decision) for each in found] == extractor.extract(["ab", "aabc", ""])


def test_improbable_entities_are_left_out_and_their_relations_with_them(stub_extractor):
    extractor = stub_extractor()
    [before] = extractor.extract(["ab"])
    assert before.relations
    extractor.decision.entity_threshold = 2.0  # more than any probability
    [found] = extractor.extract(["ab"])
    assert not found.entities and not found.relations


def test_relations_of_given_entities(stub_extractor):
    extractor = stub_extractor()
    given = [[(0, 2, "Degree"), (2, 3, "Location"), (4, 6, "Degree")], []]
    first, second = extractor.relate(["左主干近段狭窄", "右冠"], given)
    assert [pair[:3] for pair in sorted(first)] == [(0, 1, 1), (0, 2, 2), (1, 2, 2)]
    assert second == []


def test_each_pair_of_given_entities_is_scored_once_in_a_window_that_holds_it(stub_extractor):
    """Nested ones too: an entity between two others may end beyond the window that holds these."""
    extractor = stub_extractor(max_tokens=12, window_overlap=4)
    text = "左主干近段狭窄" * 12
    spans = sorted((first, min(first + size, len(text))) for first in range(0, 80, 3) for size in (1, 2, 7))
    [found] = extractor.relate([text], [[(first, last, "Degree") for first, last in spans]])
    windows = extractor.featurizer.tokenize(text).windows
    held = [
        (i, j)
        for i, j in itertools.combinations(range(len(spans)), 2)
        if first_window_holding(windows, spans[i][0], max(spans[i][1], spans[j][1])) is not None
    ]
    assert sum(extractor.model.scored_pairs) == len(held)
    assert {(i, j) for i, j, *_ in found} <= set(held)


def test_given_entities_that_no_window_holds_together_are_not_related(stub_extractor):
    extractor = stub_extractor(max_tokens=12, window_overlap=4)
    [found] = extractor.relate(["左" * 40], [[(0, 1, "Degree"), (3, 4, "Degree"), (39, 40, "Degree")]])
    assert [(i, j) for i, j, *_ in found] == [(0, 1)]
