"""SpERT's relation head on the pretrained encoder: what relations cost and score without a pass of their own.

From Eberts & Ulges 2020 (arXiv 1909.07755): the sentence is encoded once; a relation is classified by one linear layer
from the max-pooled rows of the first entity, of the second, and of the context between them (0 where they touch), and
learned embeddings of both widths. Ours: the tags come from the same CRF as the focused attention model's, so that only
the relation head differs; a Softmax over the classes, "No relation" among them, where SpERT has a Sigmoid for each.
"""

import keras
from keras import ops

from strtf.config import ModelOptions
from strtf.layers.precision import wide_dtype
from strtf.layers.span_max import SpanMax
from strtf.layers.str_encoder import EncoderConfig, StrEncoder
from strtf.models.base import TASKS_OF, Task
from strtf.models.crf_tagging import CrfTagging
from strtf.models.flops import dense_flops, encoder_product, tag_flops
from strtf.models.memory import EvenMemory
from strtf.text.bieos import TagScheme

WIDTH_SIZE, NUM_WIDTHS = 25, 100  # the defaults of github.com/lavis-nlp/spert; wider entities count as the widest


class Spert(CrfTagging):
    """Joint entity and relation extraction.

    Args:
        config: the encoder's shape.
        options: tasks, dropout.
        scheme: the tags.
        num_classes: S, "No relation" included.
        dtype: Keras dtype policy of the blocks; CRF and logits stay in float32.
    """

    def __init__(self, config: EncoderConfig, options: ModelOptions, scheme: TagScheme, num_classes: int,
                 dtype="float32", **kwargs):  # fmt: skip
        super().__init__(TASKS_OF[options.tasks], dtype=dtype, **kwargs)
        # ---------------------------------------------------------------- layers
        policy = self.dtype_policy
        wide = wide_dtype(policy)
        self.encoder = StrEncoder(config, 0, options.dropout, dtype=policy, name="encoder")
        self.encoder.build((None, None))
        self.encoder.built = True
        if Task.NER in self.tasks:
            self.add_tagging(config.hidden_size, config.vocabulary_size, scheme, options)
        if Task.RC in self.tasks:
            self.width_embedding = keras.layers.Embedding(NUM_WIDTHS, WIDTH_SIZE, dtype=policy, name="width_embedding")
            self.span_max = SpanMax(config.hidden_size, options.max_tokens)
            self.pair_dropout = keras.layers.Dropout(options.dropout, dtype=policy, name="pair_dropout")
            self.relation_dense = keras.layers.Dense(num_classes, dtype=wide, name="relation_dense")
            self.width_embedding.build((None,))
            self.relation_dense.build((None, self._features))
        self.built = True

    @property
    def _features(self) -> int:
        return 3 * self.encoder.config.hidden_size + 2 * WIDTH_SIZE

    # -------------------------------------------------------------------- forward
    def encode(self, batch, training=False):
        states = self.encoder(batch["token_ids"], batch["lengths"], training=training)
        if Task.RC in self.tasks:
            states["maxima"] = self.span_max.tables(states["output"])  # [B·T·K, D]
        return states

    def classify_pairs(self, batch, states, training=False):
        self.require(Task.RC)
        features = self.pair_features(batch["pair_sentence"], batch["pair_spans"], states)  # [P, 3D + 2·25]
        return self.relation_dense(self.pair_dropout(features, training=training))  # [P, S]

    def pair_features(self, sentence, spans, states):
        """Maxima of e1, of what is between, and of e2, and both widths: [P], [P, 4] -> [P, 3D + 50]."""
        length = ops.shape(states["key_mask"])[2]
        places = ((spans[:, 0], spans[:, 1]), (spans[:, 1], spans[:, 2]), (spans[:, 2], spans[:, 3]))
        maxima = [self.span_max.pool(states["maxima"], length, sentence, *place) for place in places]
        widths = ops.clip(
            ops.stack([spans[:, 1] - spans[:, 0], spans[:, 3] - spans[:, 2]]), 0, NUM_WIDTHS - 1
        )  # [2, P]
        first, second = ops.unstack(self.width_embedding(widths), 2)
        return ops.concatenate([*maxima, first, second], axis=-1)

    def pair_variables(self):
        return self.width_embedding.trainable_variables + self.relation_dense.trainable_variables

    # ----------------------------------------------------------------------- cost
    @property
    def pretrained(self):
        return self.encoder

    def pair_memory(self, options, training=False):
        return EvenMemory(options, (6 if training else 3) * self._features)

    def sentence_flops(self, lengths):
        return tag_flops(self.encoder.config, lengths, self.num_tags)

    def pair_flops(self, options, length, sizes):
        return dense_flops(len(sizes), self._features, self.relation_dense.units)

    def typical_product(self):
        return encoder_product(self.encoder.config)
