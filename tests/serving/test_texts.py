"""The graph's tokenizer against `CharacterTokenizer`: the same ids and offsets for whatever bytes come."""

import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.config import Tokenization
from strtf.data import angiography
from strtf.data.corpus import read_corpus
from strtf.serving.texts import CharacterIds, decode_texts
from strtf.text.tokenizer import make_tokenizer
from strtf.text.vocabulary import SPECIAL_TOKENS, Vocabulary

CHINESE_VOCABULARY = pathlib.Path(__file__).resolve().parents[2] / "checkpoints/zh_small/vocab.txt"
VOCABULARY = Vocabulary((*SPECIAL_TOKENS, *"胃窄约，。：（）％5×ambx⋯-\"'Aé𠀀"))
CODE_POINTS = [point for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
CORPORA = pathlib.Path(__file__).resolve().parents[2] / "data"


@pytest.fixture(scope="module", params=["chinese", "small", "cased", "forms"])
def tokenizer(request):
    if request.param == "chinese":
        if not CHINESE_VOCABULARY.exists():
            pytest.skip("needs checkpoints/zh_small")
        return make_tokenizer(Vocabulary.load(CHINESE_VOCABULARY), Tokenization.CHARACTER, lowercase=True)
    lowercase = request.param in ("small", "forms")
    return make_tokenizer(VOCABULARY, Tokenization.CHARACTER, lowercase, forms=request.param == "forms")


@pytest.fixture(scope="module")
def in_graph(tokenizer):
    """in_graph([bytes, …]): the ids of each."""
    table = CharacterIds(tokenizer.code_point_ids)
    decode = tf.function(lambda text: decode_texts(text, table), [tf.TensorSpec([None], tf.string)], autograph=False)

    def run(texts):
        _, ids, starts, lengths, order = (column.numpy() for column in decode(tf.constant(texts, tf.string)))
        rows = [None] * len(texts)
        for place, start, length in zip(order, starts, lengths, strict=True):
            rows[place] = ids[start : start + length]
        return rows

    return run


def assert_same(in_graph, tokenizer, texts):
    for text, ids in zip(texts, in_graph(texts), strict=True):
        np.testing.assert_array_equal(ids, tokenizer.encode(text.decode(errors="replace")).ids)


def test_every_code_point_alone(in_graph, tokenizer):
    found = in_graph([chr(point).encode() for point in CODE_POINTS])
    assert {len(ids) for ids in found} == {1}
    np.testing.assert_array_equal(np.concatenate(found), tokenizer.code_point_ids[CODE_POINTS])


def test_every_code_point_among_others(in_graph, tokenizer):
    """Each stands once beside some of its block, and once beside some of anywhere."""
    shuffled = np.random.default_rng(0).permutation(CODE_POINTS)
    texts = [
        "".join(map(chr, points[i : i + 997])) for points in (CODE_POINTS, shuffled) for i in range(0, len(points), 997)
    ]
    assert_same(in_graph, tokenizer, [text.encode() for text in texts])


SPECIAL = [
    b"",
    b"\xef\xbb\xbfabc",
    b"\xed\xa0\x80",
    b"\xff\xfe",
    b"\xf0\x9f\x98",
    b"\xe4\xb8",
    b"\xc0\xaf",
    b"\xf4\x90\x80\x80",
]


def test_bytes_that_are_not_utf8_and_byte_order_marks(in_graph, tokenizer):
    assert_same(in_graph, tokenizer, [*SPECIAL, *(b"\xe8\x83\x83" + some + b"A" for some in SPECIAL)])


pieces = st.one_of(
    st.text(st.sampled_from("胃窄，（％）ＡＢａéÉİße\u0301\u200d\ufeff👩🏽한\x00\n\u3000") | st.characters()).map(
        lambda text: text.encode(errors="replace")
    ),
    st.binary(max_size=8),
    st.sampled_from(SPECIAL),
)


@settings(deadline=None, max_examples=100)
@given(texts=st.lists(st.lists(pieces, max_size=4).map(b"".join), min_size=1, max_size=5))
def test_any_bytes(in_graph, tokenizer, texts):
    assert_same(in_graph, tokenizer, texts)


def test_the_embedded_corpus(in_graph, tokenizer):
    texts = [s.text.encode() for split in ("train", "test") for s in read_corpus(angiography.split_path(split))]
    assert len(texts) > 100
    assert_same(in_graph, tokenizer, texts)


@pytest.mark.skipif(not CORPORA.is_dir(), reason="needs corpora in data/")
def test_corpora(in_graph, tokenizer):
    for path in CORPORA.glob("*/*.jsonl"):
        assert_same(in_graph, tokenizer, [sentence.text.encode() for sentence in read_corpus(path)])


def test_the_longest_text_comes_first(in_graph):
    ids = CharacterIds(np.arange(sys.maxunicode + 1, dtype=np.int32) % 7)
    found = decode_texts(tf.constant(["ab", "", "abcd", "xy"]), ids)
    assert found.order.numpy().tolist() == [2, 0, 3, 1]
    assert found.starts.numpy().tolist()[:3] == [2, 0, 6]
    assert found.lengths.numpy().tolist() == [4, 2, 2, 0]
