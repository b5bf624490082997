"""Distances to the two entities, and their convolution by hand."""

import numpy as np

from strtf.layers.position_convolution import FARTHEST, PositionConvolution, distance_class


def test_distances_are_zero_on_the_entity_and_signed_around_it():
    position = np.arange(8, dtype=np.int32)[None]
    found = np.asarray(distance_class(position, np.int32([[3]]), np.int32([[5]]))) - FARTHEST
    np.testing.assert_array_equal(found, [[-3, -2, -1, 0, 0, 1, 2, 3]])


def test_far_tokens_share_a_class():
    position = np.arange(300, dtype=np.int32)[None]
    found = np.asarray(distance_class(position, np.int32([[150]]), np.int32([[151]])))[0]
    assert found.min() == 0 and found.max() == 2 * FARTHEST
    assert (found[: 150 - FARTHEST] == 0).all() and (found[150 + FARTHEST :] == 2 * FARTHEST).all()


def test_convolution_by_hand(randomize):
    layer, size, filters = PositionConvolution(4, 3), 3, 4
    layer.build((None, 4))
    randomize(layer)
    spans, lengths = np.int32([[1, 3, 4, 5], [2, 3, 3, 5]]), [7, 5]
    found = np.asarray(layer(spans, np.arange(7) < np.array(lengths)[:, None]))
    tables, kernel = [np.asarray(t) for t in layer.tables], np.asarray(layer.convolution.kernel)
    for pair, (span, length) in enumerate(zip(spans, lengths, strict=True)):
        rows = np.zeros((7, 2 * size))
        for t in range(length):
            classes = [int(distance_class(np.int32(t), *span[e : e + 2])) for e in (0, 2)]
            rows[t] = np.concatenate([table[c] for table, c in zip(tables, classes, strict=True)])
        padded = np.pad(rows, ((1, 1), (0, 0)))
        expected = sum(padded[tap : tap + 7] @ kernel[tap] for tap in range(3))
        assert expected.shape == (7, filters)
        np.testing.assert_allclose(found[pair], expected, atol=1e-5)
