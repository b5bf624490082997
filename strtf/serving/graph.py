"""The whole extraction as a TensorFlow graph of core operators: the semantics of `extraction/extractor.py`.

`TokenGraph` goes from token ids to spans and related pairs, one window a row; `TextGraph` adds tokenization, windows of
long texts, and what becomes of spans and pairs where windows meet.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from strtf.config import PairScope
from strtf.extraction.extractor import PADDED_TOKENS, Extractor
from strtf.models.base import Task
from strtf.schema import Direction
from strtf.serving.pairs import PairScorer, enumerate_pairs, rivals_between
from strtf.serving.spans import Spans, decode_tags, merge_layers, text_order, without_overlaps
from strtf.serving.texts import CharacterIds, Texts, decode_texts
from strtf.serving.windows import Windows, cut_windows
from strtf.text.bieos import PREFIXES


class Pairs(NamedTuple):
    """Related pairs of spans, in order; each [r].

    Attributes:
        first, second: int32, indices of spans.
        label: int32, the relation class, "No relation" being 0.
        probability: float32.
    """

    first: tf.Tensor
    second: tf.Tensor
    label: tf.Tensor
    probability: tf.Tensor


class TokenGraph:
    """From token ids of windows to typed spans, and to the related pairs among them.

    Args:
        extractor: gives the model, the labels and the options.

    Raises:
        StrtfError: the model cannot tag.
    """

    def __init__(self, extractor: Extractor):
        self.model = extractor.model
        self.model.require(Task.NER)
        self.schema = extractor.featurizer.schema
        self.num_layers = extractor.featurizer.num_layers
        self.decision = extractor.decision
        self.scorer = None
        if Task.RC in self.model.tasks:
            self.scorer = PairScorer(self.model, extractor.options, self.schema.num_classes)
        self.candidate = _candidate_types(extractor.featurizer)

    def tag(self, batch, states):
        """Tags [B·L, T] int32 and those of the `Spans` they spell that are probable enough."""
        tags, emissions = self.model.tag(batch | {"entity_shift": self.decision.entity_shift}, states)
        row, start, end, kind = decode_tags(tags, tf.repeat(batch["lengths"], self.num_layers))
        begin = 1 + len(PREFIXES) * kind
        places = {"sentence": row, "start": start, "end": end}
        spelled = {"begin": begin, "inside": begin + 1, "last": begin + 2, "single": begin + 3}
        batch = batch | {"entity_temperature": self.decision.entity_temperature}
        log_p = self.model.span_log_probabilities(batch, emissions, places | spelled)
        layer, row = row % self.num_layers, row // self.num_layers
        spans = Spans(row, start, end, kind, layer, tf.exp(log_p))
        spans = merge_layers(spans) if self.num_layers > 1 else spans
        return tags, spans.choose(spans.probability >= self.decision.entity_threshold)

    def relate(self, batch, states, spans: Spans, stop, row_of_pair, *conditions) -> Pairs:
        """The related pairs (i, j) of spans with i < j < stop[i].

        Args:
            conditions: functions of i, j [P] that say which of these pairs are candidates, or None.
            row_of_pair: function of i, j [P] and two columns of `Spans`, start and end: the row in which each pair
                is scored, and its spans [P, 4] there.
        """
        if self.scorer is None:
            return Pairs(*(tf.zeros([0], tf.int32) for _ in range(3)), tf.zeros([0]))
        first, second = enumerate_pairs(stop)
        for condition in filter(None, conditions):
            wanted = condition(first, second)
            first, second = tf.boolean_mask(first, wanted), tf.boolean_mask(second, wanted)
        if self.candidate is not None:
            wanted = tf.gather_nd(self.candidate, tf.stack([tf.gather(spans.kind, i) for i in (first, second)], axis=1))
            first, second = (tf.boolean_mask(i, wanted) for i in (first, second))
        pairs = tf.stack([first, second], axis=1)  # [P, 2]
        facts = tf.gather(spans.kind, pairs), rivals_between(spans.kind, len(self.schema.entity_types), pairs)
        logits = self.scorer(batch, states, facts, *row_of_pair(first, second))  # [P, S]
        label = 1 + tf.argmax(logits[:, 1:], axis=1, output_type=tf.int32)
        log_p = self._log_probability(logits, tf.gather(spans.probability, pairs))
        related = tf.where(log_p > np.log(max(self.decision.relation_threshold, np.finfo(np.float32).tiny)))[:, 0]
        return Pairs(*(tf.gather(column, related) for column in (first, second, label, tf.exp(log_p))))

    def _log_probability(self, logits, ends):
        """`Decision.relation_probabilities` of logits [P, S] and their entities' [P, 2], as logarithms: [P] float32.

        float32 holds probabilities near 1 in this way.
        """
        margin = tf.reduce_max(logits[:, 1:], axis=1) - logits[:, 0]
        log_odds = self.decision.relation_slope * margin + self.decision.relation_offset
        log_p = -tf.math.softplus(-log_odds)
        if not self.decision.relation_ends:
            return log_p
        return log_p + self.decision.relation_ends * tf.reduce_sum(tf.math.log(ends), axis=1)

    def __call__(self, token_ids, lengths, scopes=None):
        """Tags [B·L, T], spans and related pairs of rows that are no more than one window each.

        The tags are the best tagging, also where it spells spans that are left out.

        Args:
            scopes: [B, T] int32, as `TokenizedText` has them; None: each row is one part.
        """
        batch = {"token_ids": token_ids, "lengths": lengths}
        states = self.model.encode(batch)
        tags, spans = self.tag(batch, states)
        counts = count_by(spans.row, tf.shape(token_ids)[0])
        stop = tf.gather(tf.cumsum(counts), spans.row)

        def own_row(first, second):
            ends = [tf.gather(column, i) for i in (first, second) for column in (spans.start, spans.end)]
            return tf.gather(spans.row, first), tf.stack(ends, axis=1)

        same = None if scopes is None else _same(tf.gather_nd(scopes, tf.stack([spans.row, spans.start], axis=1)))
        return tags, spans, self.relate(batch, states, spans, stop, own_row, same)


class TextGraph:
    """From texts to entities and relations with character offsets.

    Texts go through the model in chunks of about `PADDED_TOKENS` tokens, texts of like length together; the windows of
    one long text too, but it keeps their states until its pairs are scored. So memory does not grow with the number
    of texts, and by some rows of states a token with the length of one text.

    Args:
        extractor: its tokenizer must be a `CharacterTokenizer`.
        tokens: the same model from token ids on.
    """

    def __init__(self, extractor: Extractor, tokens: TokenGraph):
        featurizer = extractor.featurizer
        self.tokens = tokens
        self.model = extractor.model
        self.window = featurizer.window_tokens, featurizer.window_overlap
        self.by_line = featurizer.pair_scope is PairScope.LINE
        self.character_ids = CharacterIds(featurizer.tokenizer.code_point_ids)
        vocabulary = featurizer.tokenizer.vocabulary
        self.special_ids = [vocabulary.pad_id, vocabulary.cls_id, vocabulary.sep_id]
        self.entity_types = ("", *tokens.schema.entity_types)
        self.relation_types = ("", *(c.type for c in tokens.schema.relation_classes))
        self.backward = (False, *(c.direction is Direction.BACKWARD for c in tokens.schema.relation_classes))
        self._states = _state_specs(self.model)

    def __call__(self, text) -> dict[str, tf.Tensor]:
        """The signature's outputs for UTF-8 strings [B]."""
        num_texts = tf.shape(text)[0]
        # a batch of none is one empty text, whose answer is cut off again
        text = tf.concat([text, tf.fill([tf.maximum(1 - num_texts, 0)], "")], axis=0)
        texts = decode_texts(text, self.character_ids)
        windows = cut_windows(texts, *self.window)
        starts = tf.searchsorted(windows.text, tf.range(tf.size(text) + 1))  # of each text's windows, [B + 1]
        tokens = texts.lengths + 2

        def step(start, entities, relations):
            longest = tf.minimum(tokens[start], self.window[0] + 2)
            fits = tf.searchsorted(starts, [starts[start] + PADDED_TOKENS // longest], side="right")[0] - 1
            stop = tf.maximum(fits, start + 1)
            chunk = Windows(*(column[starts[start] : starts[stop]] for column in windows))
            new = self._extract(texts, chunk)
            return stop, *(
                tuple(tf.concat(parts, axis=0) for parts in zip(old, some, strict=True))
                for old, some in zip((entities, relations), new, strict=True)
            )

        _, entities, relations = tf.while_loop(
            lambda start, *_: start < tf.size(text), step, (0, *_nothing()),
            (tf.TensorShape([]), *tf.nest.map_structure(lambda _: tf.TensorShape([None]), _nothing())),
            parallel_iterations=1,
        )  # fmt: skip
        return self._answer(texts.order, num_texts, entities, relations)

    # ------------------------------------------------------------------ one chunk of texts
    def _extract(self, texts: Texts, windows: Windows):
        """Columns of entities (text, index, start, end, kind, probability) and relations of some texts."""
        token_ids, lengths = self._token_ids(texts, windows)
        states, spans = self._encode(token_ids, lengths)
        before = tf.gather(windows.first, spans.row) - 1  # from positions to tokens of the text
        spans = spans.choose(windows.counts(spans.row, spans.start + before, spans.end + before))
        # one axis for the tokens of all texts of the chunk
        base = tf.cumsum(tf.gather(texts.lengths, tf.range(windows.text[0], windows.text[-1] + 1)), exclusive=True)
        window_base = tf.gather(base, windows.text - windows.text[0])  # [W]
        offset = window_base + windows.first - 1  # of position 0 of each window
        apart = spans.layer * (base[-1] + texts.lengths[windows.text[-1]] + 1)  # layers do not touch
        kept = without_overlaps(*(column + apart for column in _on_one_axis(spans, offset)))
        spans = spans.choose(kept)
        if self.tokens.num_layers > 1:
            spans = spans.choose(text_order(*_on_one_axis(spans, offset)))
        stop, first_window, held = _pairs_in_windows(windows, window_base, offset, *_on_one_axis(spans, offset))
        same = _same(self._line_of(texts, windows, spans)) if self.by_line else None
        batch = {"token_ids": token_ids, "lengths": lengths}
        pairs = self.tokens.relate(batch, states, spans, stop, first_window, held, same)
        first, last = _on_one_axis(spans, offset)
        text = tf.gather(windows.text, spans.row)
        in_text = tf.gather(base, text - windows.text[0])
        index = rank_by(text - windows.text[0], tf.size(base))
        entities = text, index, first - in_text, last - in_text, spans.kind, spans.probability
        text = tf.gather(text, pairs.first)
        places = tf.gather(index, pairs.first), tf.gather(index, pairs.second)
        number = rank_by(text - windows.text[0], tf.size(base))
        return entities, (text, number, *places, pairs.label, pairs.probability)

    def _token_ids(self, texts: Texts, windows: Windows):
        """[CLS], the window's tokens, [SEP], padding: [W, T] and lengths [W]."""
        pad, cls, sep = self.special_ids
        lengths = windows.last - windows.first + 2
        position = tf.range(tf.reduce_max(lengths))[None]  # [1, T]
        place = (tf.gather(texts.starts, windows.text) + windows.first)[:, None] + position - 1  # [W, T]
        ids = tf.gather(texts.ids, tf.clip_by_value(place, 0, tf.size(texts.ids) - 1))
        last = lengths[:, None] - 1
        ids = tf.where(position == 0, cls, tf.where(position < last, ids, tf.where(position == last, sep, pad)))
        return ids, lengths

    def _line_of(self, texts: Texts, windows: Windows, spans: Spans):
        """The line that each span begins in; of spans of one text, equal ones are one line. int32 [n]."""
        before = tf.cumsum(tf.cast(texts.code_points == ord("\n"), tf.int32), exclusive=True)
        start = tf.gather(texts.starts, windows.text) + windows.first - 1  # of position 0 of each window
        return tf.gather(before, spans.start + tf.gather(start, spans.row))

    def _encode(self, token_ids, lengths):
        """States of all windows, those of classification only, and spans; some windows at a time."""
        num_windows, length = tf.unstack(tf.shape(token_ids))
        at_once = tf.maximum(PADDED_TOKENS // length, 1)
        count = (num_windows + at_once - 1) // at_once
        arrays = [
            tf.TensorArray(s.dtype, count, element_shape=s.shape, infer_shape=False) for s in self._states.values()
        ]

        def step(number, arrays, spans):
            start = number * at_once
            batch = {"token_ids": token_ids[start : start + at_once], "lengths": lengths[start : start + at_once]}
            states = self.model.encode(batch)
            _, new = self.tokens.tag(batch, states)
            new = new._replace(row=new.row + start)
            arrays = [array.write(number, states[name]) for name, array in zip(self._states, arrays, strict=True)]
            return number + 1, arrays, Spans(*(tf.concat(p, axis=0) for p in zip(spans, new, strict=True)))

        none = Spans(*(tf.zeros([0], tf.int32) for _ in range(5)), tf.zeros([0]))
        shapes = tf.TensorShape([]), [tf.TensorShape(None)] * len(arrays), Spans(*[tf.TensorShape([None])] * len(none))
        _, arrays, spans = tf.while_loop(
            lambda number, *_: number < count, step, (0, arrays, none), shapes, parallel_iterations=1
        )
        return {name: array.concat() for name, array in zip(self._states, arrays, strict=True)}, spans

    # ------------------------------------------------------------------ the answer
    def _answer(self, order, num_texts, entities, relations) -> dict[str, tf.Tensor]:
        """Padded outputs, texts in the order of the request."""
        outputs = {}
        text, rank, start, end, kind, probability = entities
        place = Padded(tf.gather(order, text), rank, num_texts)
        outputs |= {"entity_start": place.integers(start), "entity_end": place.integers(end)}
        outputs |= {"entity_type": tf.gather(self.entity_types, place.integers(kind) + 1)}
        outputs |= {"entity_probability": place.floats(probability), "entity_count": place.counts}
        text, rank, first, second, label, probability = relations
        place, backward = Padded(tf.gather(order, text), rank, num_texts), tf.gather(self.backward, label)
        outputs["relation_head"] = place.integers(tf.where(backward, second, first))
        outputs["relation_tail"] = place.integers(tf.where(backward, first, second))
        outputs["relation_type"] = tf.gather(self.relation_types, tf.maximum(place.integers(label), 0))
        return outputs | {"relation_probability": place.floats(probability), "relation_count": place.counts}


class Padded:
    """Columns [n] as [B, E], E the largest number in a row and at least 1.

    Args:
        row, rank: [n], where each value goes.
        num_rows: B.
    """

    def __init__(self, row, rank, num_rows):
        self.counts = count_by(row, num_rows)
        self._place = tf.stack([row, rank], axis=1)
        self._shape = tf.stack([num_rows, tf.reduce_max(tf.concat([self.counts, [1]], axis=0))])

    def integers(self, values):
        """Padded with -1."""
        return tf.scatter_nd(self._place, values + 1, self._shape) - 1

    def floats(self, values):
        """Padded with 0."""
        return tf.scatter_nd(self._place, values, self._shape)


def count_by(row, num_rows):
    """How many of `row` [n] are 0, 1, …: int32 [num_rows]."""
    return tf.math.unsorted_segment_sum(tf.ones_like(row), row, num_rows)


def rank_by(row, num_rows):
    """The number of each among those of its row, for rising `row` [n]: int32 [n]."""
    return tf.range(tf.size(row)) - tf.gather(tf.cumsum(count_by(row, num_rows), exclusive=True), row)


def _on_one_axis(spans: Spans, offset):
    """Start and end of spans on the axis of all texts, given that of position 0 of each row."""
    shift = tf.gather(offset, spans.row)
    return spans.start + shift, spans.end + shift


def _pairs_in_windows(windows: Windows, window_base, offset, first, last):
    """For spans [first, last) on the axis of all texts: `relate`'s `stop`, `row_of_pair` and `held`.

    A pair is scored in the first window that holds it (`first_window_holding`). The windows of a text end in rising
    order, so what some window holds together with a span ends in the last window that begins no later than the span.
    """
    ends = window_base + windows.last  # [W], rising; empty texts are the last
    begun = tf.searchsorted(window_base + windows.first, first, side="right") - 1
    reach = tf.gather(ends, begun)  # [n]
    stop = tf.searchsorted(first, reach)

    def end_of(i, j):
        return tf.maximum(tf.gather(last, i), tf.gather(last, j))

    def held(i, j):
        return end_of(i, j) <= tf.gather(reach, i)

    def first_window(i, j):
        row = tf.searchsorted(ends, end_of(i, j))
        spans = tf.stack([tf.gather(column, k) for k in (i, j) for column in (first, last)], axis=1)
        return row, spans - tf.gather(offset, row)[:, None]

    return stop, first_window, held


def _same(number):
    """Whether spans i, j [P] have the same number, of those [n] of all spans: a function of i, j."""
    return lambda i, j: tf.gather(number, i) == tf.gather(number, j)


def _candidate_types(featurizer):
    """bool [types, types]: whether entities of these types are a candidate pair; None: all are."""
    types, wanted = featurizer.schema.entity_types, featurizer.pair_filter
    return np.array([[wanted(a, b) for b in types] for a in types]) if wanted else None


def _state_specs(model) -> dict[str, tf.TensorSpec]:
    """What `encode` hands on to `classify_pairs`; the first axis is a multiple of B and free."""
    if Task.RC not in model.tasks:
        return {}
    specs = {"token_ids": tf.TensorSpec([None, None], tf.int32), "lengths": tf.TensorSpec([None], tf.int32)}
    states = tf.function(model.encode, autograph=False).get_concrete_function(specs).structured_outputs
    return {name: tf.TensorSpec([None, *spec.shape[1:]], spec.dtype) for name, spec in states.items()}


def _nothing():
    """Columns of no entity and of no relation, see `TextGraph._extract`."""
    return tuple((*(tf.zeros([0], tf.int32) for _ in range(5)), tf.zeros([0])) for _ in range(2))
