"""Linear-chain conditional random field (Eqs. 9-12): likelihood, Viterbi decoding, span marginals.

    log p(tags | emissions) = score(tags) - log sum over all taggings of exp score
    score(tags) = sum_t emissions[t, tags[t]] + sum_t transitions[tags[t - 1], tags[t]]

`crf_log_likelihood`, `crf_log_norm`, `crf_sequence_score` and `crf_decode` keep the contract of
`tfa.text` in tensorflow-addons 0.23 (no potentials for the start or the end of a sentence), but a log
likelihood comes alone, not in a tuple with the transitions. Everything runs in float32 whatever the inputs'
dtype (float64 stays float64); rows past a sentence's length are never read.

A step of the recurrences is a full log-sum-exp over [B, C, C]. The matrix form `exp(alpha) @ exp(A)` saves
some 5 to 10 ms a training step (B 32, T 128, C 21; CPU), but underflows where the transitions span more than
about 80, as the penalties of illegal moves do, and matrix products round to TF32 or bfloat16 on accelerators.
There, under JAX, the recurrences go by segments of time (`crf_segments.py`).
"""

import keras
import numpy as np
from keras import ops

from strtf.device import on_jax_accelerator
from strtf.errors import StrtfError
from strtf.layers.crf_segments import last_message_by_segments, messages_by_segments, path_by_segments
from strtf.layers.scan import scan

MOST_TAGS = 40  # of recurrences by segments; their work has the third power of them
FORBIDDEN = -1e3  # no learned transition is as low; those of the penalties are lower


def crf_log_likelihood(inputs, tag_indices, sequence_lengths, transitions):
    """Log probability of the given tags.

    Args:
        inputs: emissions [B, T, C], floating.
        tag_indices: [B, T], integer in [0, C); anything past the length.
        sequence_lengths: [B], integer in [0, T].
        transitions: [C, C], floating; row: from, column: to.

    Returns:
        [B], natural log; 0 for an empty sentence.

    Raises:
        StrtfError: the shapes of `inputs` and `transitions` do not fit.
    """
    score = crf_sequence_score(inputs, tag_indices, sequence_lengths, transitions)
    return score - crf_log_norm(inputs, sequence_lengths, transitions)


def crf_sequence_score(inputs, tag_indices, sequence_lengths, transitions):
    """Unnormalised log score [B] of the given tags. Arguments as in `crf_log_likelihood`."""
    inputs, transitions = _as_float(inputs, transitions)
    mask = _time_mask(inputs, sequence_lengths)  # [B, T]
    tags = ops.where(mask, _as_index(tag_indices), 0)  # a padded tag may lie outside [0, C)
    emitted = ops.take_along_axis(inputs, tags[:, :, None], axis=2)[:, :, 0]  # [B, T]
    moved = _lookup(transitions, tags[:, :-1], tags[:, 1:])  # [B, T - 1]
    return _masked_sum(emitted, mask) + _masked_sum(moved, mask[:, 1:])


def crf_log_norm(inputs, sequence_lengths, transitions):
    """Log [B] of the summed exponentiated scores of all taggings. Arguments as in `crf_log_likelihood`."""
    inputs, transitions = _as_float(inputs, transitions)
    last = _last_message(inputs, sequence_lengths, transitions)  # [B, C]
    log_norm = ops.logsumexp(last, axis=-1)  # [B]
    return ops.where(_as_index(sequence_lengths) > 0, log_norm, 0.0)


def crf_decode(potentials, transitions, sequence_lengths):
    """The best tagging (Viterbi). Of equally good ones, the lowest tag at the last place they differ.

    Args:
        potentials: emissions [B, T, C], floating.
        transitions: [C, C], floating; row: from, column: to.
        sequence_lengths: [B], integer, at most T; 0 or less: an empty sentence.

    Returns:
        tags: [B, T] int32; 0 past the length. (tensorflow-addons differs in one place: it names the first
            row's best tag and score for an empty sentence.)
        best_score: [B], the score of those tags; 0 for an empty sentence.

    Raises:
        StrtfError: the shapes of `potentials` and `transitions` do not fit.
    """
    potentials, transitions = _as_float(potentials, transitions)
    mask = _time_mask(potentials, sequence_lengths)  # [B, T]
    best = _forward(potentials, sequence_lengths, transitions, reduce=_max)  # [T, B, C]
    tags = _trace_back(best, _mask_time_major(_shift_back(mask)), transitions)  # [T, B]
    best_score = ops.where(_as_index(sequence_lengths) > 0, _max(best[-1], axis=-1), 0.0)
    return ops.where(mask, ops.transpose(tags), 0), best_score


def crf_span_log_marginals(
    emissions,
    transitions,
    sequence_lengths,
    span_sentence,
    span_start,
    span_end,
    begin_tag,
    inside_tag,
    end_tag,
    single_tag,
):
    """Exact log probability that a BIEOS segment stands at a span, summed over the tags around it.

    The segment is `begin inside … inside end`, or `single` where the span has one token.

    Args:
        emissions: [B, T, C], floating.
        transitions: [C, C], floating; row: from, column: to.
        sequence_lengths: [B], integer in [0, T].
        span_sentence: [E] (E spans), integer, the row of `emissions`.
        span_start: [E], integer, the first token.
        span_end: [E], integer, exclusive, at most the sentence's length.
        begin_tag, inside_tag, end_tag, single_tag: [E], integer, the tags of the span's entity type.

    Returns:
        [E], natural log; 0 for padding, that is where `span_end <= span_start`.

    Raises:
        StrtfError: the shapes of `emissions` and `transitions` do not fit.
    """
    emissions, transitions = _as_float(emissions, transitions)
    emissions = _near_zero(emissions, transitions)
    before = _forward(emissions, sequence_lengths, transitions)  # [T, B, C]
    after = _backward(emissions, sequence_lengths, transitions)  # [T, B, C]
    row, start, end, begin, inside, end_tag, single = map(
        _as_index, (span_sentence, span_start, span_end, begin_tag, inside_tag, end_tag, single_tag)
    )
    is_span, one_token = end > start, end - start == 1  # [E]
    start, last = ops.maximum(start, 0), ops.maximum(end - 1, 0)  # [E]; padding stays within bounds
    within = _segment_score(emissions, transitions, row, start, last, begin, inside, end_tag)
    joint = (
        _lookup(before, start, row, ops.where(one_token, single, begin))
        + ops.where(one_token, 0.0, within)
        + _lookup(after, last, row, ops.where(one_token, single, end_tag))
    )
    # The norm at the span's own place: rounding in the messages up to there cancels.
    log_norm = _lookup(ops.logsumexp(before + after, axis=-1), start, row)  # [T, B] -> [E]
    return ops.where(is_span, ops.minimum(joint - log_norm, 0.0), 0.0)


@keras.saving.register_keras_serializable("strtf")
class Crf(keras.layers.Layer):
    """The CRF's transitions, with optional penalties that keep its answers legal.

    The penalties hold for `span_log_marginals` and for `decode` (unless `legal=False`), never for the training
    loss. Use 0 for what is allowed and a large negative *finite* number, say -1e4, for what is not.

    Args:
        num_tags: C.
        start_penalty: [C], by the sentence's first tag; None: every tag may begin.
        transition_penalty: [C, C], row: from, column: to; None: every move is allowed.
        end_penalty: [C], by the sentence's last tag; None: every tag may end.
        learn_transitions: off, A stays 0: each token's tag is then a softmax of its own, and the likelihood the
            product of these.

    Attributes:
        transitions: the weight A of Eq. (9), [C, C], float32 under every dtype policy; row: from.

    Raises:
        StrtfError: a penalty's shape does not fit `num_tags`, or a penalty is not finite.
    """

    def __init__(
        self, num_tags, start_penalty=None, transition_penalty=None, end_penalty=None, learn_transitions=True, *,
        name="crf", **kwargs,
    ):  # fmt: skip
        super().__init__(name=name, **kwargs)
        self.num_tags = num_tags
        self.start_penalty = _penalty("start_penalty", start_penalty, (num_tags,))
        self.transition_penalty = _penalty("transition_penalty", transition_penalty, (num_tags, num_tags))
        self.end_penalty = _penalty("end_penalty", end_penalty, (num_tags,))
        self.learn_transitions = learn_transitions
        self.transitions = self.add_weight(
            name="transitions",
            shape=(num_tags, num_tags),
            initializer="glorot_uniform" if learn_transitions else "zeros",
            trainable=learn_transitions,
            dtype="float32",
            autocast=False,
        )
        self.built = True

    def log_likelihood(self, emissions, tags, lengths):
        """`crf_log_likelihood` [B] of tags [B, T] under emissions [B, T, C] and lengths [B]."""
        return crf_log_likelihood(emissions, tags, lengths, self.transitions)

    def decode(self, emissions, lengths, legal=True):
        """`crf_decode` of emissions [B, T, C] and lengths [B]: tags [B, T] int32 and best score [B]."""
        emissions, transitions = self._potentials(emissions, lengths, legal)
        return crf_decode(emissions, transitions, lengths)

    def span_log_marginals(self, emissions, lengths, *spans, temperature=1.0):
        """`crf_span_log_marginals` [E] among legal taggings; `spans` are its arguments from `span_sentence` on.

        However tags are decoded: at a high temperature a long sentence has so many taggings that are none that nothing
        would be left for the others.

        Args:
            temperature: scalar above 0 that divides all scores; above 1, probabilities are less extreme.
        """
        emissions, transitions = self._potentials(emissions, lengths, legal=True)
        return crf_span_log_marginals(emissions / temperature, transitions / temperature, lengths, *spans)

    def _potentials(self, emissions, lengths, legal):
        emissions, transitions = _as_float(emissions, self.transitions)
        if not legal:
            return emissions, transitions
        time = ops.arange(ops.shape(emissions)[1])  # [T]
        is_first = (time == 0)[None, :, None]  # [1, T, 1]
        is_last = (time == _as_index(lengths)[:, None] - 1)[:, :, None]  # [B, T, 1]
        start, end = (
            ops.cast(self.start_penalty, emissions.dtype),
            ops.cast(self.end_penalty, emissions.dtype),
        )
        emissions = emissions + ops.where(is_first, start, 0.0) + ops.where(is_last, end, 0.0)
        return emissions, transitions + ops.cast(self.transition_penalty, transitions.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "num_tags": self.num_tags,
            "start_penalty": self.start_penalty.tolist(),
            "transition_penalty": self.transition_penalty.tolist(),
            "end_penalty": self.end_penalty.tolist(),
            "learn_transitions": self.learn_transitions,
        }


def _forward(emissions, lengths, transitions, reduce=ops.logsumexp):
    """Messages from the left [T, B, C]: `reduce` over the scores of all taggings up to and with each token.

    Past the length the last valid message is repeated, so index -1 closes every sentence.
    """
    return _messages(*_from_the_left(emissions, lengths, transitions, reduce))


def _last_message(emissions, lengths, transitions):
    """The last message from the left, [B, C]."""
    parts = _from_the_left(emissions, lengths, transitions, ops.logsumexp)
    return last_message_by_segments(*parts) if _by_segments(transitions) else _messages(*parts)[-1]


def _from_the_left(emissions, lengths, transitions, reduce):
    """Arguments of `_messages`."""
    incoming = ops.transpose(transitions)  # [C, C]; row: to, column: from

    def extend(message, emission):
        return reduce(message[..., None, :] + incoming, axis=-1) + emission  # [..., C]

    by_time = _time_major(emissions)  # [T, B, C]
    follows = _time_mask(emissions, lengths) & (ops.arange(ops.shape(emissions)[1]) > 0)  # [B, T]
    return extend, by_time[0], by_time, _mask_time_major(follows), reduce


def _backward(emissions, lengths, transitions):
    """Messages from the right [T, B, C]: log-sum-exp over what may follow each token's tag; 0 at the end."""

    def extend(message, next_emission):
        return ops.logsumexp((message + next_emission)[..., None, :] + transitions, axis=-1)  # [..., C]

    follows = _mask_time_major(_shift_back(_time_mask(emissions, lengths)))  # [T, B]
    next_emissions = ops.roll(_time_major(emissions), -1, axis=0)  # [T, B, C]; the last is masked
    initial = ops.zeros_like(next_emissions[0])  # [B, C]
    return _messages(extend, initial, next_emissions, follows, ops.logsumexp, reverse=True)


def _messages(extend, initial, emissions, follows, reduce, reverse=False):
    """See `messages_by_segments`; `reverse`: from the last token to the first."""
    if _by_segments(emissions):
        if not reverse:
            return messages_by_segments(extend, initial, emissions, follows, reduce)
        flipped = ops.flip(emissions, axis=0), ops.flip(follows, axis=0)
        return ops.flip(messages_by_segments(extend, initial, *flipped, reduce), axis=0)

    def step(message, inputs):
        emission, follows = inputs  # [B, C], [B, 1]
        return ops.where(follows, extend(message, emission), message)

    return scan(step, initial, (emissions, follows[:, :, None]), reverse)


def _trace_back(best, follows, transitions):
    """Tags [T, B] of the best path, from Viterbi's messages [T, B, C]; past the length the last tag is repeated."""
    incoming = ops.transpose(transitions)  # [C, C]; row: to, column: from
    last_tag = _argmax(best[-1])  # [B]
    if _by_segments(best):
        came_from = _argmax(best[:, :, None] + incoming)  # [T, B, C], by the next token's tag
        came_from = ops.where(follows[:, :, None], came_from, ops.arange(best.shape[2], dtype="int32"))
        return path_by_segments(came_from, last_tag)

    def step_back(next_tag, inputs):
        best_here, follows = inputs  # [B, C], [B]
        came_from = _argmax(best_here + ops.take(incoming, next_tag, axis=0))  # [B]
        return ops.where(follows, came_from, next_tag)

    return scan(step_back, last_tag, (best, follows), reverse=True)


def _by_segments(by_tag):
    """Whether recurrences over tags, the last axis, go by segments of time."""
    return on_jax_accelerator() and by_tag.shape[-1] <= MOST_TAGS


def _near_zero(emissions, transitions):
    """Emissions whose messages stay near 0 in long sentences, where float32 is fine enough for probabilities.

    Shifting a token's emissions changes no probability. Each token's are shifted by the largest of them, and by the
    transition to it along the tags of largest emission, unless that is forbidden.
    """
    best = _argmax(emissions)  # [B, T]
    moves = _lookup(transitions, best[:, :-1], best[:, 1:])  # [B, T-1]
    moves = ops.where(moves > FORBIDDEN, moves, 0.0)
    shift = _max(emissions, axis=-1) + ops.pad(moves, ((0, 0), (1, 0)))  # [B, T]
    return emissions - shift[:, :, None]


def _segment_score(emissions, transitions, row, start, last, begin, inside, end):
    """Score [E] of `inside … inside end` on the tokens after `start`, up to and with `last`."""
    _, num_steps, num_tags = ops.shape(emissions)
    by_tag = ops.reshape(ops.transpose(emissions, (0, 2, 1)), (-1, num_steps))  # [B * C, T]
    time = ops.arange(num_steps)  # [T]
    between = (time > start[:, None]) & (time < last[:, None])  # [E, T]
    emitted = _masked_sum(ops.take(by_tag, row * num_tags + inside, axis=0), between)  # [E]
    stays = ops.cast(last - start - 2, emissions.dtype)  # [E]
    through_inside = (
        _lookup(transitions, begin, inside)
        + emitted
        + stays * _lookup(transitions, inside, inside)
        + _lookup(transitions, inside, end)
    )
    moved = ops.where(last - start == 1, _lookup(transitions, begin, end), through_inside)
    return moved + _lookup(emissions, row, last, end)


def _lookup(table, *indices):
    """`table[i, j, …]` for integer tensors of one shape, one per axis."""
    flat = 0
    for size, index in zip(ops.shape(table), indices, strict=True):
        flat = flat * size + index
    return ops.take(ops.reshape(table, (-1,)), flat)


def _as_float(potentials, transitions):
    """Both as float64 where the potentials are, else as float32; checks that their shapes fit."""
    potentials, transitions = ops.convert_to_tensor(potentials), ops.convert_to_tensor(transitions)
    num_tags = transitions.shape[0]
    if len(potentials.shape) != 3 or potentials.shape[2] not in (num_tags, None) or transitions.shape[1] != num_tags:
        raise StrtfError(
            "transitions must be [C, C] for emissions [B, T, C]. Received: "
            f"transitions {tuple(transitions.shape)}, emissions {tuple(potentials.shape)}. "
            "Build the emission layer and the CRF with the same number of tags."
        )
    dtype = "float64" if keras.backend.standardize_dtype(potentials.dtype) == "float64" else "float32"
    return ops.cast(potentials, dtype), ops.cast(transitions, dtype)


def _as_index(x):
    return ops.cast(x, "int32")


def _time_major(x):
    return ops.transpose(x, (1, 0, 2))


def _time_mask(inputs, lengths):
    """[B, T] bool, True before the length."""
    return ops.arange(ops.shape(inputs)[1]) < _as_index(lengths)[:, None]


def _mask_time_major(mask):
    """Bool [B, T] -> [T, B], by way of integers: oneDNN's transpose has no bool on many processors, and warns."""
    return ops.transpose(ops.cast(mask, "int32")) > 0


def _shift_back(mask):
    """[B, T] bool, True where the *next* token is valid."""
    return ops.concatenate([mask[:, 1:], ops.zeros_like(mask[:, :1])], axis=1)


def _max(x, **axis):
    """`ops.max` that takes an empty batch: without `initial`, Keras refuses one on TensorFlow."""
    return ops.max(x, initial=-np.inf, **axis)


def _argmax(x):
    """int32 index of the largest along the last axis.

    Of a comparison, because Keras looks at the sign bit of floats, by an operator that exported graphs would need too.
    """
    is_largest = x == _max(x, axis=-1, keepdims=True)
    return ops.cast(ops.argmax(ops.cast(is_largest, "int32"), axis=-1), "int32")


def _masked_sum(x, mask):
    return ops.sum(ops.where(mask, x, 0.0), axis=1)


def _penalty(name, values, shape):
    values = np.zeros(shape, "float32") if values is None else np.asarray(values, "float32")
    if values.shape != shape or not np.isfinite(values).all():
        raise StrtfError(
            f"{name} must be finite and of shape {shape}. Received: shape {values.shape}, "
            f"{np.count_nonzero(~np.isfinite(values))} not finite. Write a forbidden move as -1e4."
        )
    return values
