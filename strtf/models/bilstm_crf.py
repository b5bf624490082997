"""Bi-LSTM-CRF: token embeddings, a bidirectional LSTM, a CRF (Table II, "Bi-LSTM"). Widths and dropout are ours."""

from strtf.config import ModelOptions
from strtf.layers.bi_lstm_encoder import BiLstmEncoder
from strtf.layers.str_encoder import EncoderConfig
from strtf.models.base import TASKS_OF
from strtf.models.crf_tagging import CrfTagging
from strtf.models.flops import bi_lstm_flops, bi_lstm_product
from strtf.text.bieos import TagScheme


class BilstmCrf(CrfTagging):
    """Named entity recognition.

    Args:
        config: gives the size of the vocabulary.
        options: `embedding_size`, `units` of each direction, dropout.
        scheme: the tags.
        num_classes: not used; all systems are made alike.
        dtype: Keras dtype policy; emissions and CRF stay in float32.
    """

    def __init__(self, config: EncoderConfig, options: ModelOptions, scheme: TagScheme, num_classes: int,
                 dtype="float32", **kwargs):  # fmt: skip
        super().__init__(TASKS_OF[options.tasks], dtype=dtype, **kwargs)
        # ---------------------------------------------------------------- layers
        self.sizes = options.embedding_size, options.units
        sizes = config.vocabulary_size, *self.sizes, options.dropout, config.num_forms
        self.encoder = BiLstmEncoder(*sizes, dtype=self.dtype_policy, name="encoder")
        self.add_tagging(2 * options.units, config.vocabulary_size, scheme, options)
        self.encoder.build((None, None))
        self.encoder.built = self.built = True

    # -------------------------------------------------------------------- forward
    def encode(self, batch, training=False):
        states, _ = self.encoder(batch["token_ids"], batch["lengths"], training=training)
        return {"output": states}  # [B, T, 2·units]

    # ----------------------------------------------------------------------- cost
    def sentence_flops(self, lengths):
        width, units = self.sizes
        return bi_lstm_flops(lengths, width, units) + self.emission_flops(lengths, 2 * units)

    def typical_product(self):
        return bi_lstm_product(self.sizes[1])
