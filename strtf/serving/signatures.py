"""The signatures of an exported model: names, shapes, and what padding is.

`serving_default`, where the run's tokenizer is the character table: `text` string [B] -> `entity_start`, `entity_end`
int32 [B, E] (code points, end exclusive), `entity_type` string [B, E], `entity_probability` float32 [B, E],
`entity_count` int32 [B]; `relation_head`, `relation_tail` int32 [B, R] (indices of that text's entities),
`relation_type` string [B, R], `relation_probability` float32 [B, R], `relation_count` int32 [B].

`token_ids`: `token_ids` int32 [B, T] with [CLS] and [SEP], padded with anything, and `lengths` int32 [B] -> `tags`
int32 [B, T], or [B, L, T] of L > 1 layers; `span_first`, `span_last` (token positions, last exclusive), `span_type`
int32 [B, E], `span_probability` float32 [B, E], `span_count` int32 [B]; the related pairs `pair_first`, `pair_second`
(indices of spans), `pair_label` int32 [B, R], `pair_probability` float32 [B, R], `pair_count` int32 [B]. Rows are one
window each: T at most `--max_tokens`. `tags` also spell the spans that are less probable than the run's threshold and
left out. Of a run with `--pair_scope=line` the signature asks for `scopes` int32 [B, T] too: the number of the line
that each token is in, padded with anything.

E and R are the largest number in the batch and at least 1, because axes of size 0 trouble clients and runtimes. Padding
is -1, "" and 0.
"""

import tensorflow as tf

from strtf.config import PairScope, Tokenization
from strtf.extraction.extractor import Extractor
from strtf.serving.graph import Padded, TextGraph, TokenGraph, rank_by
from strtf.serving.weights import StoredWeights

TEXT, TOKEN_IDS = "serving_default", "token_ids"


class ServedModel(tf.Module):
    """What is saved: weights, assets, and the functions of `signatures`.

    Args:
        extractor: the run's, in float32.
        weights: of its model.
        assets: paths of files that go along.

    Raises:
        StrtfError: the model finds no entities.
    """

    def __init__(self, extractor: Extractor, weights: StoredWeights, assets=()):
        super().__init__(name="strtf")
        self.weights = weights
        self.variables_to_save = weights.stored  # not the model's own, which are Keras'
        self.assets = [tf.saved_model.Asset(str(path)) for path in assets]
        self._tokens = TokenGraph(extractor)
        options = extractor.options
        self._by_line = options.pair_scope is PairScope.LINE
        self._texts = TextGraph(extractor, self._tokens) if options.tokenization is Tokenization.CHARACTER else None

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """By name, traced."""
        found = {TOKEN_IDS: self.of_token_ids()}
        if self._texts is not None:
            found[TEXT] = self.of_texts()
        return found

    def of_token_ids(self) -> tf.types.experimental.ConcreteFunction:
        """The signature `token_ids`, traced."""
        ids = [tf.TensorSpec([None, None], tf.int32, "token_ids"), tf.TensorSpec([None], tf.int32, "lengths")]
        ids += [tf.TensorSpec([None, None], tf.int32, "scopes")] if self._by_line else []
        return tf.function(self._run_tokens, ids, autograph=False).get_concrete_function()

    def of_texts(self) -> tf.types.experimental.ConcreteFunction:
        """The signature `serving_default`, traced; for runs in character mode."""
        text = (tf.TensorSpec([None], tf.string, "text"),)
        return tf.function(self._run_texts, text, autograph=False).get_concrete_function()

    def _run_texts(self, text):
        with self.weights.scope():
            return self._texts(text)

    def _run_tokens(self, token_ids, lengths, scopes=None):
        num_rows, length = tf.unstack(tf.shape(token_ids))
        # of no rows one of [PAD] alone is made, because some layers take no empty batch
        missing = tf.maximum(1 - num_rows, 0)
        to_add = [[0, missing], [0, tf.maximum(2 - length, 0)]]
        token_ids = tf.pad(token_ids, to_add)
        scopes = None if scopes is None else tf.pad(scopes, to_add)
        lengths = tf.concat([lengths, tf.fill([missing], 2)], axis=0)
        with self.weights.scope():
            tags, spans, pairs = self._tokens(token_ids, lengths, scopes)
        num_layers = self._tokens.num_layers
        if num_layers > 1:
            tags = tf.reshape(tags, tf.stack([-1, num_layers, tf.shape(tags)[1]]))  # [B, L, T]
        rank = rank_by(spans.row, tf.shape(token_ids)[0])
        place = Padded(spans.row, rank, num_rows)
        row = tf.gather(spans.row, pairs.first)
        of_pair = Padded(row, rank_by(row, tf.shape(token_ids)[0]), num_rows)
        return {
            "tags": tags[:num_rows, ..., :length],
            "span_first": place.integers(spans.start),
            "span_last": place.integers(spans.end),
            "span_type": place.integers(spans.kind),
            "span_probability": place.floats(spans.probability),
            "span_count": place.counts,
            "pair_first": of_pair.integers(tf.gather(rank, pairs.first)),
            "pair_second": of_pair.integers(tf.gather(rank, pairs.second)),
            "pair_label": of_pair.integers(pairs.label),
            "pair_probability": of_pair.floats(pairs.probability),
            "pair_count": of_pair.counts,
        }
