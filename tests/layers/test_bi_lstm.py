import numpy as np
import pytest

from strtf.layers.bi_lstm import BiLstm

LENGTHS = np.int32([9, 5, 2])
MASK = np.arange(9) < LENGTHS[:, None]


@pytest.fixture(scope="module")
def layer(randomize):
    layer = BiLstm(4)
    layer.build((None, None, 6))
    return randomize(layer)


def test_padding_is_zero_and_never_read(layer):
    rows = np.random.default_rng(0).standard_normal((3, 9, 6)).astype(np.float32)
    found = np.asarray(layer(rows, MASK))
    assert found.shape == (3, 9, 8) and not found[~MASK].any()
    np.testing.assert_allclose(layer(np.where(MASK[..., None], rows, 7.0), MASK), found, atol=1e-6)


def test_config_round_trip(layer):
    assert BiLstm.from_config(layer.get_config()).get_config() == layer.get_config()
