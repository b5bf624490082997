import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.config import OverlapPolicy, PairScope
from strtf.data.features import (
    APART,
    BETWEEN,
    CUT,
    FILTERED,
    LOST_END,
    MISALIGNED,
    NO_CLASS,
    OVERLAPPING,
    Featurizer,
    entity_of,
)
from strtf.errors import DataError
from strtf.schema import Direction, Entity, Relation, RelationClass, Schema, Sentence, candidate_pairs
from strtf.text.bieos import TagScheme
from strtf.text.encoding import Encoding
from strtf.text.tokenizer import CharacterTokenizer, WordPieceTokenizer
from strtf.text.vocabulary import SPECIAL_TOKENS, Vocabulary

SCHEMA = Schema(
    ("A", "B"),
    (RelationClass("R", Direction.FORWARD), RelationClass("R", Direction.BACKWARD)),
    frozenset({("A", "B")}),
)
SCHEME = TagScheme(SCHEMA.entity_types)
VOCABULARY = Vocabulary((*SPECIAL_TOKENS, *"左前降支近段狭窄，。", "stent", "##ing", "in"))
CLS, SEP = VOCABULARY.cls_id, VOCABULARY.sep_id
CHARACTERS = CharacterTokenizer(VOCABULARY, lowercase=True)
LONG = "左前降支近段，" * 8 + "狭窄。"  # 59 characters


def featurizer(max_tokens=22, overlap=8, tokenizer=CHARACTERS, **kwargs):
    return Featurizer(tokenizer, SCHEME, SCHEMA, max_tokens, overlap, **kwargs)


def sentence(*spans, relations=(), text=LONG):
    """Entities e0, e1, … at (start, end, type); relations between their numbers."""
    entities = tuple(Entity(f"e{i}", *span) for i, span in enumerate(spans))
    return Sentence("s", text, entities, tuple(Relation(f"e{h}", f"e{t}", "R") for h, t in relations))


def features(annotated, **kwargs):
    """(examples, what was lost, without the zeros)."""
    lost = collections.Counter()
    return featurizer(**kwargs).examples(annotated, lost), +lost


@st.composite
def annotated(draw):
    """The long text with any entities, overlapping ones included, and any relations between two of them."""
    spans = draw(
        st.lists(
            st.tuples(st.integers(0, 50), st.integers(1, 24), st.sampled_from("AB")).map(
                lambda d: (d[0], min(d[0] + d[1], len(LONG)), d[2])
            ),
            max_size=8,
        )
    )
    relations = draw(st.sets(st.sampled_from(candidate_pairs(len(spans))))) if len(spans) > 1 else ()
    return sentence(*spans, relations=sorted(relations))


class TestOneWindow:
    SENTENCE = sentence((0, 4, "A"), (4, 6, "B"), (6, 8, "A"), relations=[(0, 1), (2, 1)], text="左前降支近段狭窄")

    def example(self, **kwargs):
        (example,), lost = features(self.SENTENCE, **kwargs)
        assert not lost
        return example

    def test_token_ids_stand_between_cls_and_sep(self):
        ids = self.example().token_ids.tolist()
        assert ids == [CLS, *(VOCABULARY.id(char) for char in self.SENTENCE.text), SEP]

    def test_spans_count_cls(self):
        assert self.example().spans.tolist() == [[1, 5], [5, 7], [7, 9]]

    def test_tags_decode_to_the_spans(self):
        assert SCHEME.decode(self.example().tags[0]) == [(1, 5, "A"), (5, 7, "B"), (7, 9, "A")]

    def test_pairs_are_all_unordered_pairs(self):
        assert self.example().pairs.tolist() == [[0, 1], [0, 2], [1, 2]]

    def test_labels_are_classes_with_direction(self):
        assert self.example().labels.tolist() == [1, 0, 2]

    def test_pair_spans(self):
        assert self.example().pair_spans([0, 2]).tolist() == [[1, 5, 5, 7], [5, 7, 7, 9]]

    def test_types_are_those_of_the_schema(self):
        assert self.example().types.tolist() == [0, 1, 0]
        assert self.example().pair_types([0, 2]).tolist() == [[0, 1], [1, 0]]

    def test_rivals_stand_between(self):
        assert self.example().pair_rivals(slice(None)).tolist() == [[0, 0], [0, 0], [0, 0]]
        (example,), _ = features(sentence((0, 1, "A"), (1, 2, "B"), (2, 3, "A"), (3, 4, "B"), text=self.SENTENCE.text))
        assert example.pair_rivals([2, 0]).tolist() == [[1, 1], [0, 0]]

    def test_pair_spans_of_none(self):
        assert self.example().pair_spans(np.array([], int)).shape == (0, 4)

    def test_order_of_annotation_does_not_matter(self):
        turned = Sentence("s", self.SENTENCE.text, self.SENTENCE.entities[::-1], self.SENTENCE.relations[::-1])
        (example,), _ = features(turned)
        assert example.labels.tolist() == self.example().labels.tolist()

    def test_filter_leaves_pairs_out(self):
        assert self.example(pair_filter=SCHEMA.related).pairs.tolist() == [[0, 1], [1, 2]]

    def test_scope_leaves_pairs_of_different_lines_out(self):
        spans = (0, 1, "A"), (1, 2, "B"), (3, 4, "A"), (6, 7, "B")
        lines = sentence(*spans, relations=[(0, 1), (1, 2)], text="左右\n前后\n降")
        (example,), lost = features(lines, pair_scope=PairScope.LINE)
        assert (example.pairs.tolist(), example.labels.tolist()) == ([[0, 1]], [1])
        assert lost == {BETWEEN: 1}
        assert example.tags.tolist() == features(lines)[0][0].tags.tolist()

    def test_sentence_without_entities(self):
        (example,), _ = features(sentence(text="左前"))
        assert (example.spans.shape, example.pairs.shape, example.labels.shape) == ((0, 2), (0, 2), (0,))

    def test_empty_text(self):
        (example,), _ = features(sentence(text=""))
        assert example.token_ids.tolist() == [CLS, SEP]


class TestLost:
    def test_cut_by_every_window(self):
        assert features(sentence((0, 30, "A")))[1] == {CUT: 1}

    def test_relation_of_a_cut_entity(self):
        assert features(sentence((0, 30, "A"), (31, 33, "B"), relations=[(0, 1)]))[1] == {CUT: 1, LOST_END: 1}

    def test_relation_that_no_window_holds(self):
        assert features(sentence((0, 2, "A"), (50, 52, "B"), relations=[(0, 1)]))[1] == {APART: 1}

    def test_overlapping_entity_and_its_relation(self):
        both = sentence((0, 4, "A"), (2, 3, "B"), relations=[(0, 1)])
        assert features(both)[1] == {OVERLAPPING: 1, LOST_END: 1}

    def test_overlap_is_an_error_where_the_policy_says_so(self):
        with pytest.raises(DataError, match="entities must not overlap"):
            features(sentence((0, 4, "A"), (2, 3, "B")), overlaps=OverlapPolicy.ERROR)

    def test_second_relation_of_a_pair(self):
        assert features(sentence((0, 2, "A"), (3, 5, "B"), relations=[(0, 1), (1, 0)]))[1] == {NO_CLASS: 1}

    def test_entity_inside_a_token(self):
        english = sentence((0, 4, "A"), (9, 11, "B"), relations=[(0, 1)], text="stenting in")
        tokenizer = WordPieceTokenizer(VOCABULARY, lowercase=True)
        assert features(english, tokenizer=tokenizer)[1] == {MISALIGNED: 1, LOST_END: 1}

    @pytest.mark.parametrize("text", ["stent\u200b in", "\ue001tent in", "sten\ufffd in"])
    def test_entity_that_ends_in_a_character_without_a_token(self, text):
        """No tags could give it back."""
        drawn = sentence((0, text.index(" "), "A"), (text.index("in"), len(text), "B"), text=text)
        assert features(drawn, tokenizer=WordPieceTokenizer(VOCABULARY, lowercase=True))[1] == {MISALIGNED: 1}

    def test_relation_that_the_filter_leaves_out(self):
        same = sentence((0, 2, "A"), (3, 5, "A"), relations=[(0, 1)])
        assert features(same, pair_filter=SCHEMA.related)[1] == {FILTERED: 1}

    @settings(deadline=None, max_examples=40)
    @given(annotated())
    def test_entities_are_shown_or_counted(self, drawn):
        lost = features(drawn)[1]
        shown = {span for spans, _, _ in in_text(drawn) for span in spans}
        assert len(shown) + lost[MISALIGNED] + lost[CUT] + lost[OVERLAPPING] == len(drawn.entities)

    @settings(deadline=None, max_examples=40)
    @given(annotated())
    def test_relations_are_shown_or_counted(self, drawn):
        lost = features(drawn)[1]
        shown = {pair for _, related, _ in in_text(drawn) for pair in related}
        assert len(shown) + lost[APART] + lost[LOST_END] + lost[NO_CLASS] == len(drawn.relations)


def in_text(drawn):
    """(spans, related pairs of spans, characters) that each window shows, as places in the text."""
    shown = []
    for window, example in zip(featurizer().tokenize(drawn.text).windows, features(drawn)[0], strict=True):
        spans = [tuple(span) for span in (example.spans + window.first_token - 1).tolist()]
        related = [(spans[i], spans[j]) for (i, j), label in zip(example.pairs, example.labels, strict=True) if label]
        shown.append((spans, related, range(*window)))
    return shown


class TestWindows:
    @settings(deadline=None, max_examples=40)
    @given(annotated())
    def test_relation_is_labelled_in_each_window_that_holds_it(self, drawn):
        by_span = {entity.span: entity.id for entity in reversed(drawn.entities)}  # of equal spans the first stays
        relations = {frozenset((r.head, r.tail)) for r in drawn.relations}
        for spans, related, _ in in_text(drawn):
            expected = [(a, b) for a in spans for b in spans if a < b and {by_span[a], by_span[b]} in relations]
            assert sorted(related) == sorted(expected)

    @settings(deadline=None, max_examples=40)
    @given(annotated())
    def test_entity_is_in_each_window_that_holds_it(self, drawn):
        shown = in_text(drawn)
        for span in {span for spans, _, _ in shown for span in spans}:
            inside = [span[0] in chars and span[1] - 1 in chars for _, _, chars in shown]
            assert inside == [span in spans for spans, _, _ in shown]

    def test_tags_of_each_window_decode_to_its_spans(self):
        examples, _ = features(sentence(*[(start, start + 4, "A") for start in range(0, 52, 7)]))
        assert len(examples) > 2
        for example in examples:
            assert [span[:2] for span in SCHEME.decode(example.tags[0])] == [tuple(s) for s in example.spans.tolist()]

    def test_no_window_is_longer_than_allowed(self):
        assert max(len(example.token_ids) for example in features(sentence())[0]) <= 22

    def test_overlap_is_at_most_half_a_window(self):
        assert featurizer(max_tokens=22, overlap=100).window_overlap == 10


class TestCorpus:
    def test_keeps_the_order_of_sentences(self):
        examples, _ = featurizer().corpus([sentence(text="左"), sentence(text="右前")])
        assert [len(example.token_ids) for example in examples] == [3, 4]

    def test_adds_up_what_is_lost(self):
        _, lost = featurizer().corpus([sentence((0, 30, "A")), sentence((1, 31, "B"))])
        assert lost[CUT] == 2


def test_entity_of_covers_the_characters_of_its_tokens():
    encoding = Encoding(np.int32([5, 6, 7]), np.int32([0, 2, 5]), np.int32([2, 4, 9]))
    assert entity_of(encoding, 1, 3, "A", 4) == Entity("e4", 2, 9, "A")


class TestLayers:
    SENTENCE = sentence((0, 4, "A"), (2, 4, "B"), (4, 6, "A"), relations=[(0, 1), (1, 2)], text="左前降支近段狭窄")

    def test_one_layer_loses_what_is_inside(self):
        (example,), lost = features(self.SENTENCE)
        assert example.spans.tolist() == [[1, 5], [5, 7]]
        assert lost == {OVERLAPPING: 1, LOST_END: 2}

    def test_two_layers_hold_it(self):
        (example,), lost = features(self.SENTENCE, num_layers=2)
        assert not lost
        assert [SCHEME.decode(tags) for tags in example.tags] == [[(1, 5, "A"), (5, 7, "A")], [(3, 5, "B")]]
        assert example.spans.tolist() == [[1, 5], [3, 5], [5, 7]]
        assert example.labels.tolist() == [1, 0, 1]

    @settings(deadline=None, max_examples=100)
    @given(annotated(), st.integers(1, 4))
    def test_layers_decode_to_all_spans(self, drawn, num_layers):
        examples, _ = features(drawn, num_layers=num_layers)
        for example in examples:
            found = [(s, e, SCHEMA.entity_types.index(t)) for tags in example.tags for s, e, t in SCHEME.decode(tags)]
            spans = [(*span, kind) for span, kind in zip(example.spans.tolist(), example.types.tolist(), strict=True)]
            assert sorted(found) == sorted(spans)

    @settings(deadline=None, max_examples=50)
    @given(annotated())
    def test_enough_layers_lose_no_overlap(self, drawn):
        _, lost = features(drawn, num_layers=8)
        assert not lost[OVERLAPPING]
