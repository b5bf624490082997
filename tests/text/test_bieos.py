import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.scheme import IOBES, Entities

from strtf.text.bieos import TagScheme

TYPES = ("Drug", "Site")
SCHEME = TagScheme(TYPES)


@st.composite
def spans_of_a_sentence(draw):
    """(spans, num_tokens): non-overlapping, in text order, touching ones included."""
    spans, position = [], draw(st.integers(0, 2))
    for length in draw(st.lists(st.integers(1, 4), max_size=5)):
        spans.append((position, position + length, draw(st.sampled_from(TYPES))))
        position += length + draw(st.integers(0, 2))
    return spans, position


tag_sequences = st.lists(st.integers(0, SCHEME.num_tags - 1), max_size=12)


def is_legal(tags) -> bool:
    """Of a sequence that [SEP], tagged O, follows."""
    path = [*tags, SCHEME.outside]
    moves = SCHEME.transition_penalty()[path[:-1], path[1:]]
    return SCHEME.start_penalty()[path[0]] == 0 and (moves == 0).all()


def test_order_of_the_tags():
    assert SCHEME.names == (
        "O",
        "B-Drug",
        "I-Drug",
        "E-Drug",
        "S-Drug",
        "B-Site",
        "I-Site",
        "E-Site",
        "S-Site",
    )


def test_outside_is_tag_zero():
    assert SCHEME.names[SCHEME.outside] == "O" and SCHEME.outside == 0


def test_number_of_tags():
    assert SCHEME.num_tags == 9 == len(SCHEME.names)


def test_span_tags_point_at_their_names():
    names = [SCHEME.names[tag] for tag in SCHEME.span_tags("Site")]
    assert names == ["B-Site", "I-Site", "E-Site", "S-Site"]


def test_scheme_without_types_has_only_outside():
    assert TagScheme(()).transition_penalty().tolist() == [[0.0]]


def test_types_must_be_distinct():
    with pytest.raises(ValueError, match="entity_types must be distinct"):
        TagScheme(("Drug", "Drug"))


def test_encode_writes_begin_inside_end_and_single():
    tags = SCHEME.encode([(4, 5, "Site"), (0, 3, "Drug")], num_tokens=6)
    assert [SCHEME.names[tag] for tag in tags] == ["B-Drug", "I-Drug", "E-Drug", "O", "S-Site", "O"]
    assert tags.dtype == np.int32


@pytest.mark.parametrize("span", [(-1, 2), (2, 2), (3, 2), (4, 6)])
def test_encode_rejects_spans_out_of_range(span):
    with pytest.raises(ValueError, match="non-empty and within 5 tokens"):
        SCHEME.encode([(*span, "Drug")], num_tokens=5)


@pytest.mark.parametrize("span", [(1, 3), (0, 4), (2, 4), (0, 2)])
def test_encode_rejects_overlap(span):
    with pytest.raises(ValueError, match="must not overlap"):
        SCHEME.encode([(1, 3, "Drug"), (*span, "Site")], num_tokens=5)


@settings(deadline=None, max_examples=200)
@given(spans_of_a_sentence())
def test_decode_inverts_encode(sentence):
    spans, num_tokens = sentence
    assert SCHEME.decode(SCHEME.encode(spans, num_tokens)) == spans


@settings(deadline=None, max_examples=200)
@given(spans_of_a_sentence())
def test_encoded_spans_are_legal(sentence):
    assert is_legal(SCHEME.encode(*sentence))


def legal_sequences(num_tokens: int):
    sequences = [[]]
    for _ in range(num_tokens):
        sequences = [[*s, t] for s in sequences for t in range(SCHEME.num_tags) if may_follow(s, t)]
    return [s for s in sequences if is_legal(s)]


def may_follow(sequence, tag) -> bool:
    penalty = SCHEME.transition_penalty()[sequence[-1], tag] if sequence else SCHEME.start_penalty()[tag]
    return penalty == 0


@pytest.mark.parametrize("num_tokens", [0, 1, 2, 4])
def test_encode_inverts_decode_on_all_legal_sequences(num_tokens):
    for tags in legal_sequences(num_tokens):
        assert SCHEME.encode(SCHEME.decode(tags), num_tokens).tolist() == tags


@settings(deadline=None, max_examples=300)
@given(tag_sequences)
def test_sequence_is_legal_just_when_decoding_loses_nothing(tags):
    assert is_legal(tags) == (SCHEME.encode(SCHEME.decode(tags), len(tags)).tolist() == tags)


@settings(deadline=None, max_examples=300)
@given(tag_sequences)
def test_decode_equals_seqeval_strict(tags):
    (entities,) = Entities([[SCHEME.names[tag] for tag in tags]], IOBES).entities
    assert SCHEME.decode(tags) == [(entity.start, entity.end, entity.tag) for entity in entities]


@pytest.mark.parametrize(
    "names",
    ["B-Drug O", "I-Drug E-Drug", "B-Drug E-Site", "B-Drug I-Site E-Drug", "E-Drug", "B-Drug S-Site E-Drug"],
)
def test_fragments_are_not_spans(names):
    tags = [SCHEME.names.index(name) for name in names.split()]
    assert all(end - start == 1 for start, end, _ in SCHEME.decode(tags))


def test_the_first_and_the_last_token_of_a_span_have_the_edge_penalty():
    assert [name for name, p in zip(SCHEME.names, SCHEME.edge_penalty(), strict=True) if p] == [
        name for name in SCHEME.names if name[0] in "BES"
    ]


@pytest.mark.parametrize("penalty", [SCHEME.start_penalty(), SCHEME.transition_penalty(), SCHEME.edge_penalty()])
def test_penalties_are_finite_float32(penalty):
    assert penalty.dtype == np.float32 and set(np.unique(penalty)) == {-1e4, 0}
