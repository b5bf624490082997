"""CNN: convolution over a sentence that knows the place of both entities (Table III; Zeng et al. 2014, COLING).

From the paper: embeddings of the token and of its distances to both entities; a linear convolution of window 3;
max-pooling over the sentence; a Tanh layer; a Softmax. Ours: characters instead of words; the distance to an entity
is 0 on all its tokens; no lexical features (WordNet, nouns' neighbours); widths and dropout.

A linear convolution of [token | distances] is the sum of one over tokens, made once per sentence, and one over the
distances, which alone is made per pair.
"""

import keras
from keras import ops

from strtf.config import ModelOptions
from strtf.layers.pair_classifier import PairClassifier
from strtf.layers.position_convolution import WINDOW, PositionConvolution
from strtf.layers.precision import take_rows
from strtf.layers.str_encoder import EncoderConfig
from strtf.layers.token_embedding import TokenEmbedding
from strtf.models.base import TASKS_OF, ExtractionModel, Task
from strtf.models.flops import dense_flops
from strtf.models.memory import EvenMemory
from strtf.text.bieos import TagScheme

DISTANCE_SIZE = 5  # Zeng et al. 2014
LOWEST = -1e4  # at padding, before the maximum; finite in float16


class Cnn(ExtractionModel):
    """Relations between given entities.

    Args:
        config: gives the size of the vocabulary.
        options: `embedding_size`, `units` as filters, dropout.
        scheme: not used; all systems are made alike.
        num_classes: S, "No relation" included.
        dtype: Keras dtype policy; logits stay in float32.
    """

    def __init__(self, config: EncoderConfig, options: ModelOptions, scheme: TagScheme, num_classes: int,
                 dtype="float32", **kwargs):  # fmt: skip
        super().__init__(TASKS_OF[options.tasks], dtype=dtype, **kwargs)
        # ---------------------------------------------------------------- layers
        policy, units = self.dtype_policy, options.units
        self.sizes = options.embedding_size, units
        table = config.vocabulary_size, options.embedding_size, options.dropout, config.num_forms
        self.embedding = TokenEmbedding(*table, dtype=policy, name="embedding")
        self.token_convolution = keras.layers.Conv1D(
            units, WINDOW, padding="same", dtype=policy, name="token_convolution"
        )
        self.position_convolution = PositionConvolution(units, DISTANCE_SIZE, dtype=policy, name="position_convolution")
        self.pair_classifier = PairClassifier(num_classes, units, options.dropout, dtype=policy, name="pair_classifier")
        self.embedding.build((None, None))
        self.token_convolution.build((None, None, options.embedding_size))
        self.position_convolution.build((None, 4))
        self.pair_classifier.build((None, units))
        for layer in (self.embedding, self.position_convolution, self.pair_classifier):
            layer.built = True
        self.built = True

    # -------------------------------------------------------------------- forward
    def encode(self, batch, training=False):
        vectors, mask = self.embedding(batch["token_ids"], batch["lengths"], training=training)  # [B, T, D], [B, T]
        return {"tokens": self.token_convolution(vectors), "mask": mask}  # [B, T, units]

    def classify_pairs(self, batch, states, training=False):
        self.require(Task.RC)
        mask = ops.take(states["mask"], batch["pair_sentence"], axis=0)  # [P, T]
        rows = take_rows(states["tokens"], batch["pair_sentence"])  # [P, T, units]
        rows = rows + self.position_convolution(batch["pair_spans"], mask)
        pooled = ops.max(ops.where(mask[:, :, None], rows, LOWEST), axis=1)  # [P, units]
        return self.pair_classifier(pooled, training=training)  # [P, S]

    def pair_variables(self):
        return self.position_convolution.trainable_variables + self.pair_classifier.trainable_variables

    # ----------------------------------------------------------------------- cost
    def pair_memory(self, options, training=False):
        _, units = self.sizes
        return EvenMemory(options, 8 * units, 3 * units + 8 * DISTANCE_SIZE)

    def sentence_flops(self, lengths):
        width, units = self.sizes
        return dense_flops(lengths, WINDOW * width, units)

    def pair_flops(self, options, length, sizes):
        _, units = self.sizes
        convolution = dense_flops(length * len(sizes), WINDOW * 2 * DISTANCE_SIZE, units)
        return convolution + dense_flops(len(sizes), units, units + self.pair_classifier.num_classes)

    def typical_product(self):
        return 4096, WINDOW * 2 * DISTANCE_SIZE, self.sizes[1]
