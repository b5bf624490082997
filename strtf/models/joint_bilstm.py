"""Joint-Bi-LSTM: a shared Bi-LSTM, a decoder of tags, a CNN for relations (Tables II-IV; Zheng et al. 2017).

From the paper (Neurocomputing 257, 59-66): the Bi-LSTM is shared; an LSTM decoder tags, reading the tag vector before;
a Softmax names each tag; a CNN with max-pooling over what stands between the two entities names the relation. Ours:
the CNN reads the Bi-LSTM's states of the tokens from the first entity through the second, the windows of its outermost
tokens also their neighbours; so the convolution is the sentence's, made once, and each pair is a maximum over a span.
Decoding may be restricted to legal tag sequences like that of all systems (`--legal_decoding`): a CRF whose
transitions stay 0 is that Softmax. Widths and dropout are ours.
"""

import keras
from keras import ops

from strtf.config import ModelOptions
from strtf.layers.bi_lstm_encoder import BiLstmEncoder
from strtf.layers.precision import wide_dtype
from strtf.layers.span_max import SpanMax
from strtf.layers.str_encoder import EncoderConfig
from strtf.layers.tag_decoder import TagDecoder
from strtf.models.base import TASKS_OF, Task
from strtf.models.crf_tagging import CrfTagging
from strtf.models.flops import bi_lstm_flops, bi_lstm_product, dense_flops
from strtf.models.memory import EvenMemory
from strtf.text.bieos import TagScheme

WINDOW = 3


class JointBilstm(CrfTagging):
    """Joint entity and relation extraction.

    Args:
        config: gives the size of the vocabulary.
        options: tasks, `embedding_size`, `units` (of each LSTM, width of tag vectors, filters), dropout.
        scheme: the tags.
        num_classes: S, "No relation" included.
        dtype: Keras dtype policy; emissions and logits stay in float32.
    """

    def __init__(self, config: EncoderConfig, options: ModelOptions, scheme: TagScheme, num_classes: int,
                 dtype="float32", **kwargs):  # fmt: skip
        super().__init__(TASKS_OF[options.tasks], dtype=dtype, **kwargs)
        # ---------------------------------------------------------------- layers
        policy, units = self.dtype_policy, options.units
        wide = wide_dtype(policy)
        self.sizes = options.embedding_size, units
        self.encoder = BiLstmEncoder(
            config.vocabulary_size, *self.sizes, options.dropout, config.num_forms, dtype=policy, name="encoder"
        )
        self.encoder.build((None, None))
        self.encoder.built = True
        if Task.NER in self.tasks:
            self.decoder = TagDecoder(units, units, dtype=policy, name="decoder")
            self.decoder.build((None, None, 2 * units))
            self.decoder.built = True
            self.add_tagging(units, config.vocabulary_size, scheme, options, learn_transitions=False)
        if Task.RC in self.tasks:
            self.convolution = keras.layers.Conv1D(
                units, WINDOW, padding="same", activation="tanh", dtype=policy, name="convolution"
            )
            self.span_max = SpanMax(units, options.max_tokens)
            self.pair_dropout = keras.layers.Dropout(options.dropout, dtype=policy, name="pair_dropout")
            self.relation_dense = keras.layers.Dense(num_classes, dtype=wide, name="relation_dense")
            self.convolution.build((None, None, 2 * units))
            self.relation_dense.build((None, units))
        self.built = True

    # -------------------------------------------------------------------- forward
    def encode(self, batch, training=False):
        encoded, mask = self.encoder(batch["token_ids"], batch["lengths"], training=training)  # [B, T, 2·units]
        states = {"mask": mask}
        if Task.NER in self.tasks:
            states["output"] = self.decoder(encoded, mask)  # [B, T, units]
        if Task.RC in self.tasks:
            states["maxima"] = self.span_max.tables(self.convolution(encoded))  # [B·T·K, units]
        return states

    def classify_pairs(self, batch, states, training=False):
        self.require(Task.RC)
        spans, length = batch["pair_spans"], ops.shape(states["mask"])[1]
        end = ops.maximum(spans[:, 1], spans[:, 3])
        pooled = self.span_max.pool(states["maxima"], length, batch["pair_sentence"], spans[:, 0], end)
        return self.relation_dense(self.pair_dropout(pooled, training=training))  # [P, units] -> [P, S]

    def pair_variables(self):
        return self.relation_dense.trainable_variables

    # ----------------------------------------------------------------------- cost
    def pair_memory(self, options, training=False):
        return EvenMemory(options, (8 if training else 4) * self.sizes[1])

    def sentence_flops(self, lengths):
        width, units = self.sizes
        flops = bi_lstm_flops(lengths, width, units)
        if Task.NER in self.tasks:
            # gates from the encoder's, the decoder's and the tag's states; the tag vector
            flops += dense_flops(lengths, 4 * units, 4 * units) + dense_flops(lengths, units, units)
            flops += self.emission_flops(lengths, units)
        if Task.RC in self.tasks:
            flops += dense_flops(lengths, WINDOW * 2 * units, units)
        return flops

    def pair_flops(self, options, length, sizes):
        return dense_flops(len(sizes), self.sizes[1], self.relation_dense.units)

    def typical_product(self):
        return bi_lstm_product(self.sizes[1])
