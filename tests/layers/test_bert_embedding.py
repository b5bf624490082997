import numpy as np
import pytest

from strtf.layers.bert_embedding import BertEmbedding

IDS = np.int32([[2, 5, 5, 3], [2, 9, 3, 0]])


@pytest.fixture
def make_embedding(randomize):
    def make(dropout=0.0, dtype="float64"):
        embedding = BertEmbedding(10, 6, 2, 8, dropout, dtype=dtype)
        embedding.build((None, None))
        embedding.built = True
        return randomize(embedding)

    return make


def test_is_the_normalised_sum_of_three_rows(make_embedding):
    embedding = make_embedding()
    word, position, segment, gamma, beta = (
        np.asarray(x) for x in (embedding.word, embedding.position, embedding.segment, *embedding.norm.weights)
    )
    x = word[IDS] + position[:4] + segment[0]
    expected = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12) * gamma + beta
    np.testing.assert_allclose(embedding(IDS), expected, rtol=0, atol=1e-9)


def test_same_token_differs_by_position(make_embedding):
    rows = np.asarray(make_embedding()(IDS))[0]
    assert np.abs(rows[1] - rows[2]).max() > 0.1


def test_tables_have_the_sizes_given(make_embedding):
    embedding = make_embedding()
    assert [tuple(table.shape) for table in (embedding.word, embedding.position, embedding.segment)] == [
        (10, 8),
        (6, 8),
        (2, 8),
    ]


def test_half_precision_keeps_float32_tables(make_embedding):
    assert make_embedding(dtype="mixed_bfloat16").word.dtype == "float32"


def test_dropout_off_is_deterministic(make_embedding):
    embedding = make_embedding(dropout=0.5)
    np.testing.assert_array_equal(embedding(IDS), embedding(IDS))


def test_dropout_on_zeroes_some(make_embedding):
    dropped = np.asarray(make_embedding(dropout=0.5)(IDS, training=True)) == 0
    assert 0.2 < dropped.mean() < 0.8


def test_config_round_trip(make_embedding):
    config = make_embedding(dropout=0.3).get_config()
    assert BertEmbedding.from_config(config).get_config() == config
