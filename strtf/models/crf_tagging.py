"""Tagging that models share: token rows to emissions, and the CRF over them (Eqs. 9-12)."""

import keras
import numpy as np
from keras import ops

from strtf.config import ModelOptions
from strtf.layers.crf import Crf
from strtf.layers.form_embedding import split_ids
from strtf.layers.precision import wide_dtype
from strtf.models.base import ExtractionModel, Task, weighted_mean
from strtf.models.flops import dense_flops
from strtf.text.bieos import TagScheme
from strtf.text.surface import BLANK


class CrfTagging(ExtractionModel):
    """A model whose `encode` gives rows of all tokens as `output` [B, T, D], from which a CRF tags.

    Entities that overlap lie in different layers of tags: L sequences for each sentence, which the CRF sees as L
    sentences, row b·L + l being layer l of sentence b. The paper has one layer.

    A subclass calls `add_tagging` where it has the task NER.
    """

    def add_tagging(self, width: int, vocabulary_size: int, scheme: TagScheme, options: ModelOptions,
                    learn_transitions: bool = True) -> None:  # fmt: skip
        """Makes and builds the layers.

        Args:
            width: D.
            vocabulary_size: token ids beyond it tell a token's form, see `text/surface.py`.
            scheme: the tags.
            options: dropout, layers, and whether decoding is restricted to legal tag sequences.
            learn_transitions: see `Crf`.
        """
        policy = self.dtype_policy
        wide = wide_dtype(policy)
        self.tag_dropout = keras.layers.Dropout(options.dropout, dtype=policy, name="tag_dropout")
        self.num_layers = options.tag_layers
        units = self.num_layers * scheme.num_tags
        self.tag_dense = keras.layers.Dense(units, dtype=wide, name="tag_dense")  # W_ner, b_ner
        self.crf = Crf(
            scheme.num_tags,
            scheme.start_penalty(),
            scheme.transition_penalty(),
            scheme.end_penalty(),
            learn_transitions,
            name="crf",
        )
        self.legal_decoding = options.legal_decoding
        self._vocabulary_size = vocabulary_size
        self._begins, self._edge_penalty = scheme.begins(), scheme.edge_penalty()  # [C]
        self.tag_dense.build((None, None, width))

    def tag_variables(self):
        return self.tag_dense.trainable_variables + self.crf.trainable_variables

    @property
    def num_tags(self) -> int:
        """L·C, the emissions of a token; 0 without the task NER."""
        return self.tag_dense.units if Task.NER in self.tasks else 0

    def emission_flops(self, lengths, width: int) -> float:
        """Operations of the emissions from rows of D = width."""
        return dense_flops(np.asarray(lengths) - 1, width, self.num_tags)

    def emissions(self, states, training=False):
        """H_p^ner of Eq. (9): every token but [CLS], [SEP] included. [B·L, T-1, C]."""
        emissions = self.tag_dense(self.tag_dropout(states["output"][:, 1:], training=training))  # [B, T-1, L·C]
        if self.num_layers == 1:
            return emissions
        batch, length, _ = ops.shape(emissions)
        emissions = ops.reshape(emissions, (batch, length, self.num_layers, self.crf.num_tags))
        emissions = ops.transpose(emissions, (0, 2, 1, 3))  # [B, L, T-1, C]
        return ops.reshape(emissions, (batch * self.num_layers, length, self.crf.num_tags))

    def _tagged(self, batch):
        """Tokens of each row that have tags. [B·L]."""
        lengths = batch["lengths"] - 1
        return lengths if self.num_layers == 1 else ops.repeat(lengths, self.num_layers)

    def tag(self, batch, states):
        self.require(Task.NER)
        emissions = self.emissions(states)
        emissions = emissions + self._blank_penalty(batch, emissions.dtype)
        shift = batch["entity_shift"] * self._begins if "entity_shift" in batch else 0.0
        tags, _ = self.crf.decode(emissions + shift, self._tagged(batch), legal=self.legal_decoding)
        return ops.pad(tags, ((0, 0), (1, 0))), emissions  # [B·L, T]

    def span_log_probabilities(self, batch, emissions, spans):
        """Log marginal probability of entity spans under the CRF, among legal tag sequences.

        `entity_temperature` in the batch, scalar float32, divides all scores; 1 where there is none.

        Args:
            emissions: [B·L, T-1, C] from `tag`.
            spans: dict of [E] int32: `sentence` (row of the emissions), `start`, `end` (token positions, [CLS] = 0),
                and the type's `begin`, `inside`, `last`, `single` tags.

        Returns:
            [E] float32.
        """
        tags = (spans["begin"], spans["inside"], spans["last"], spans["single"])
        places = (spans["sentence"], spans["start"] - 1, spans["end"] - 1)
        return self.crf.span_log_marginals(
            emissions,
            self._tagged(batch),
            *places,
            *tags,
            temperature=batch.get("entity_temperature", 1.0),
        )

    def _blank_penalty(self, batch, dtype):
        """Keeps entities from beginning or ending with white space. [B·L, T-1, C]."""
        forms, _ = split_ids(batch["token_ids"][:, 1:], self._vocabulary_size)
        blank = ops.cast(forms == BLANK, dtype)  # [B, T-1]
        blank = blank if self.num_layers == 1 else ops.repeat(blank, self.num_layers, axis=0)
        return blank[:, :, None] * ops.convert_to_tensor(self._edge_penalty, dtype)

    def tag_loss(self, batch, states, training=False):
        emissions = self.emissions(states, training)
        log_p = self.crf.log_likelihood(emissions, batch["tags"][:, 1:], self._tagged(batch))  # [B·L]
        log_p = ops.sum(ops.reshape(log_p, (-1, self.num_layers)), axis=1)  # [B]
        return weighted_mean(-log_p, batch["sentence_weights"])  # Eq. (12)
