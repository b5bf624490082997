"""The CRF's norm by segments of time, for accelerators: there a loop's steps cost their start, and hardly their work.

The scores of all taggings of a segment that come from tag i before it and end with tag j have a log-sum M[i, j]. The
matrices of all segments grow at once, one token of each a step; then a message passes from segment to segment. About
2·sqrt(T) steps instead of T, for C times the work. Log-sum-exp throughout, as in the plain recurrence: the same number
to rounding, whatever the transitions.
"""

import math

import keras
from keras import ops

from strtf.layers.scan import scan

NOTHING = -1e9  # the log of no tagging at all; finite, for infinities make gradients of NaN


def log_norm_by_segments(emissions, follows, transitions):
    """Log of the summed exponentiated scores of all taggings.

    Args:
        emissions: [T, B, C], floating; T >= 1.
        follows: [T, B] bool, False for a sentence's first token and past its end.
        transitions: [C, C], row: from, column: to.

    Returns:
        [B], natural log; an empty sentence's is that of its first row.
    """
    matrices = _segment_matrices(emissions, follows, transitions)  # [G, B, C, C]; G segments

    def step(message, inputs):
        return ops.logsumexp(message[:, :, None] + inputs[0], axis=1)  # [B, C]

    return ops.logsumexp(scan(step, emissions[0], (matrices,))[-1], axis=-1)


def _segment_matrices(emissions, follows, transitions):
    """M of each segment, [G, B, C, C]; row: the tag before it, column: its last."""
    length, batch, num_tags = ops.shape(emissions)
    steps = max(math.isqrt(length), 1)  # L, tokens of a segment
    incoming = ops.transpose(transitions)  # [C, C]; row: to, column: from

    def step(matrix, inputs):
        emission, follows = inputs  # [G, B, C], [G, B]
        extended = ops.logsumexp(matrix[:, :, :, None] + incoming, axis=-1) + emission[:, :, None]  # [G, B, C, C]
        return ops.where(follows[:, :, None, None], extended, matrix)

    inputs = _in_segments(emissions, steps), _in_segments(follows, steps)  # [L, G, B, C], [L, G, B]
    unchanged = ops.where(ops.eye(num_tags, dtype="bool"), 0.0, ops.cast(NOTHING, emissions.dtype))  # [C, C]
    unchanged = ops.broadcast_to(unchanged, (ops.shape(inputs[1])[1], batch, num_tags, num_tags))
    if keras.backend.backend() == "jax":
        step = keras.remat(step)  # a gradient would keep a [G, B, C, C, C] for every step
    return scan(step, unchanged, inputs)[-1]


def _in_segments(by_time, steps):
    """[T, ...] -> [L, G, ...], padded with zeros."""
    padding = [(0, -len(by_time) % steps)] + [(0, 0)] * (len(by_time.shape) - 1)
    by_segment = ops.reshape(ops.pad(by_time, padding), (-1, steps, *by_time.shape[1:]))  # [G, L, ...]
    return ops.swapaxes(by_segment, 0, 1)
