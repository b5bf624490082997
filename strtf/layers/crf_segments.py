"""The CRF's recurrences by segments of time, for accelerators: there a loop's steps cost their start, not their work.

What a segment does to a message from before it is a matrix M [C, C], whose row i is the message that starts from tag i
alone. The matrices of all segments grow at once, one token of each a step; then a message passes from segment to
segment: some 2·sqrt(T) steps instead of T, for C times the work. The sums are log-sum-exp throughout, as in the plain
recurrences, and maxima are maxima: the same numbers to rounding, whatever the transitions.
"""

import math

import keras
from keras import ops

from strtf.layers.scan import scan

NOTHING = -1e9  # the log of no tagging at all; finite, for infinities make gradients of NaN


def messages_by_segments(extend, initial, emissions, follows, reduce):
    """The messages after each token.

    Args:
        extend: (message [..., C], emission [..., C]) -> the message one token further.
        initial: [B, C], the message before the first token.
        emissions: [T, B, C], floating; T >= 1.
        follows: [T, B] bool, False where a token leaves the message as it is.
        reduce: what `extend` takes over tags: `ops.logsumexp` or a maximum.

    Returns:
        [T, B, C].
    """
    within = _within_segments(extend, emissions, follows)  # [L, G, B, C, C]; L tokens of G segments
    before = _before(initial, _after_segments(initial, within[-1], reduce))  # [G, B, C]
    messages = reduce(before[:, :, :, None] + within, axis=-2)  # [L, G, B, C]
    return _from_segments(messages, len(emissions))


def last_message_by_segments(extend, initial, emissions, follows, reduce):
    """The message after the last token, [B, C]. Arguments as in `messages_by_segments`."""
    return _after_segments(initial, _within_segments(extend, emissions, follows)[-1], reduce)[-1]


def path_by_segments(came_from, last_tag):
    """The tags of the best path, traced back from its last.

    Args:
        came_from: [T, B, C] int32, the tag of each token where the next has the given one.
        last_tag: [B] int32.

    Returns:
        [T, B] int32.
    """
    steps = _in_segments(ops.flip(came_from, axis=0))  # [L, G, B, C]
    unchanged = ops.broadcast_to(ops.arange(steps.shape[-1], dtype="int32"), steps.shape[1:])  # [G, B, C]
    within = scan(lambda path, inputs: _follow(inputs[0], path), unchanged, (steps,))  # [L, G, B, C]
    after = scan(lambda tag, inputs: _follow(inputs[0], tag[:, None])[:, 0], last_tag, (within[-1],))  # [G, B]
    right = ops.broadcast_to(_before(last_tag, after)[None, :, :, None], (*within.shape[:3], 1))  # [L, G, B, 1]
    return ops.flip(_from_segments(_follow(within, right)[..., 0], len(came_from)), axis=0)


def _follow(table, tags):
    return ops.take_along_axis(table, tags, axis=-1)


def _within_segments(extend, emissions, follows):
    """M after each token of each segment, [L, G, B, C, C]; row: the tag before the segment, column: the token's."""
    emissions, follows = _in_segments(emissions), _in_segments(follows)  # [L, G, B, C], [L, G, B]

    def step(matrix, inputs):
        emission, follows = inputs  # [G, B, C], [G, B]
        return ops.where(follows[:, :, None, None], extend(matrix, emission[:, :, None]), matrix)  # [G, B, C, C]

    num_tags = emissions.shape[-1]
    unchanged = ops.where(ops.eye(num_tags, dtype="bool"), 0.0, ops.cast(NOTHING, emissions.dtype))  # [C, C]
    if keras.backend.backend() == "jax":
        step = keras.remat(step)  # a gradient would keep a [G, B, C, C, C] for every step
    return scan(step, ops.broadcast_to(unchanged, (*follows.shape[1:], num_tags, num_tags)), (emissions, follows))


def _after_segments(initial, matrices, reduce):
    """The message after each segment: [B, C], [G, B, C, C] -> [G, B, C]."""
    return scan(lambda message, inputs: reduce(message[:, :, None] + inputs[0], axis=1), initial, (matrices,))


def _before(initial, after):
    """What stands before each segment, from what stands after each: [B, ...], [G, B, ...] -> [G, B, ...]."""
    return ops.concatenate([initial[None], after[:-1]], axis=0)


def _in_segments(by_time):
    """[T, ...] -> [L, G, ...], L tokens (here) of each of G segments, padded with zeros; L is about sqrt(T)."""
    length = len(by_time)
    steps = max(math.isqrt(length), 1)
    padding = [(0, -length % steps)] + [(0, 0)] * (len(by_time.shape) - 1)
    return ops.swapaxes(ops.reshape(ops.pad(by_time, padding), (-1, steps, *by_time.shape[1:])), 0, 1)


def _from_segments(segments, length):
    """[L, G, ...] -> [T, ...]."""
    return ops.reshape(ops.swapaxes(segments, 0, 1), (-1, *segments.shape[2:]))[:length]
