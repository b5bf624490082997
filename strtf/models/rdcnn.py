"""RDCNN: residual dilated convolutions and a CRF (Table II; Qiu et al. 2018, arXiv 1808.08669).

From the paper: embeddings of characters, residual blocks of dilated convolutions, a CRF. Ours: no dictionary features
(none of the corpora has a dictionary); dilations 1, 2, 4, three times over, so that a tag sees 21 characters to either
side; kernels of 3; widths and dropout.
"""

from strtf.config import ModelOptions
from strtf.layers.dilated_convolutions import KERNEL_SIZE, DilatedConvolutions
from strtf.layers.str_encoder import EncoderConfig
from strtf.layers.token_embedding import TokenEmbedding
from strtf.models.base import TASKS_OF
from strtf.models.crf_tagging import CrfTagging
from strtf.models.flops import dense_flops
from strtf.text.bieos import TagScheme

DILATIONS = 3 * (1, 2, 4)


class Rdcnn(CrfTagging):
    """Named entity recognition.

    Args:
        config: gives the size of the vocabulary.
        options: `embedding_size`, `units` as filters, dropout.
        scheme: the tags.
        num_classes: not used; all systems are made alike.
        dtype: Keras dtype policy; emissions and CRF stay in float32.
    """

    def __init__(self, config: EncoderConfig, options: ModelOptions, scheme: TagScheme, num_classes: int,
                 dtype="float32", **kwargs):  # fmt: skip
        super().__init__(TASKS_OF[options.tasks], dtype=dtype, **kwargs)
        # ---------------------------------------------------------------- layers
        policy, self.sizes = self.dtype_policy, (options.embedding_size, options.units)
        table = config.vocabulary_size, options.embedding_size, options.dropout, config.num_forms
        self.embedding = TokenEmbedding(*table, dtype=policy, name="embedding")
        self.convolutions = DilatedConvolutions(
            options.units, DILATIONS, options.dropout, dtype=policy, name="convolutions"
        )
        self.add_tagging(options.units, config.vocabulary_size, scheme, options)
        self.embedding.build((None, None))
        self.convolutions.build((None, None, options.embedding_size))
        self.embedding.built = self.convolutions.built = self.built = True

    # -------------------------------------------------------------------- forward
    def encode(self, batch, training=False):
        vectors, mask = self.embedding(batch["token_ids"], batch["lengths"], training=training)  # [B, T, D], [B, T]
        return {"output": self.convolutions(vectors, mask, training=training)}  # [B, T, units]

    # ----------------------------------------------------------------------- cost
    def sentence_flops(self, lengths):
        width, units = self.sizes
        convolutions = len(DILATIONS) * dense_flops(lengths, KERNEL_SIZE * units, units)
        return dense_flops(lengths, width, units) + convolutions + self.emission_flops(lengths, units)

    def typical_product(self):
        return 4096, KERNEL_SIZE * self.sizes[1], self.sizes[1]
