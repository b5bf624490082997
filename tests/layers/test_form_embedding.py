import numpy as np
import pytest

from strtf.layers.bert_embedding import BertEmbedding
from strtf.layers.form_embedding import FormEmbedding
from strtf.layers.token_embedding import TokenEmbedding

VOCABULARY, FORMS, WIDTH = 10, 4, 8
WORDS = np.int32([[2, 5, 5, 3], [2, 9, 3, 0]])
OF_FORM = np.int32([[0, 1, 2, 0], [0, 3, 0, 0]])
IDS = OF_FORM * VOCABULARY + WORDS


def built(layer):
    layer.build((None, None))
    layer.built = True
    return layer


@pytest.fixture
def embedding(randomize):
    return randomize(built(FormEmbedding(VOCABULARY, FORMS, WIDTH)))


def test_takes_ids_apart(embedding):
    vectors, words = embedding(IDS)
    np.testing.assert_array_equal(words, WORDS)
    np.testing.assert_array_equal(vectors, np.asarray(embedding.form)[OF_FORM])


def test_a_form_beyond_the_table_is_read_as_the_first(embedding):
    vectors, words = embedding(WORDS + 9 * VOCABULARY)
    np.testing.assert_array_equal(words, WORDS)
    np.testing.assert_array_equal(vectors, np.broadcast_to(embedding.form[0], vectors.shape))


def test_config_round_trip(embedding):
    config = embedding.get_config()
    assert FormEmbedding.from_config(config).get_config() == config


def test_a_pretrained_encoder_starts_from_what_it_was_trained_on(randomize):
    plain = randomize(built(BertEmbedding(VOCABULARY, 6, 2, WIDTH, 0.0)))
    formed = built(BertEmbedding(VOCABULARY, 6, 2, WIDTH, 0.0, FORMS))
    for name in ("word", "position", "segment"):
        getattr(formed, name).assign(getattr(plain, name))
    for mine, theirs in zip(formed.norm.weights, plain.norm.weights, strict=True):
        mine.assign(theirs)
    np.testing.assert_allclose(formed(IDS), plain(WORDS), atol=1e-6)


def test_without_forms_the_words_alone_are_read(randomize):
    encoder, fresh = (randomize(built(make())) for make in (
        lambda: BertEmbedding(VOCABULARY, 6, 2, WIDTH, 0.0), lambda: TokenEmbedding(VOCABULARY, WIDTH, 0.0)
    ))  # fmt: skip
    np.testing.assert_array_equal(encoder(IDS), encoder(WORDS))
    lengths = np.int32([4, 4])
    np.testing.assert_array_equal(fresh(IDS, lengths)[0], fresh(WORDS, lengths)[0])


@pytest.mark.parametrize("make", [
    lambda: BertEmbedding(VOCABULARY, 6, 2, WIDTH, 0.0, FORMS),
    lambda: TokenEmbedding(VOCABULARY, WIDTH, 0.0, FORMS),
], ids=["pretrained", "fresh"])  # fmt: skip
def test_tokens_of_another_form_are_other_rows(make, randomize):
    layer, lengths = randomize(built(make())), np.int32([4, 4])
    rows = [
        np.asarray(layer(ids) if isinstance(layer, BertEmbedding) else layer(ids, lengths)[0]) for ids in (IDS, WORDS)
    ]
    differs = np.abs(rows[0] - rows[1]).max(axis=-1) > 1e-3
    # rows of form 0 get the same vector in both
    np.testing.assert_array_equal(differs, OF_FORM > 0)
