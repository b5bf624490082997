"""Tagging that models share: token rows to emissions, and the CRF over them (Eqs. 9-12)."""

import keras
import numpy as np
from keras import ops

from strtf.config import ModelOptions
from strtf.layers.bi_lstm_encoder import BiLstmEncoder
from strtf.layers.crf import Crf
from strtf.layers.precision import wide_dtype
from strtf.layers.str_encoder import EncoderConfig
from strtf.models.base import ExtractionModel, Task, weighted_mean
from strtf.models.flops import bi_lstm_flops, dense_flops
from strtf.text.bieos import TagScheme

SECOND_DROPOUT = 3.0  # times --dropout: weights that begin from nothing want more of it


class CrfTagging(ExtractionModel):
    """A model whose `encode` gives rows of all tokens as `output` [B, T, D], from which a CRF tags.

    Entities that overlap lie in different layers of tags: L sequences for each sentence, which the CRF sees as L
    sentences, row b·L + l being layer l of sentence b. The paper has one layer.

    A subclass calls `add_tagging` where it has the task NER.

    Attributes:
        second_encoder: of the second tagger (`add_second_tagger`); None: there is one tagger.
    """

    second_encoder: BiLstmEncoder | None = None

    def add_tagging(self, width: int, scheme: TagScheme, options: ModelOptions, learn_transitions: bool = True) -> None:
        """Makes and builds the layers.

        Args:
            width: D.
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
        self._begins = scheme.begins()  # [C]
        self.tag_dense.build((None, None, width))

    def add_second_tagger(self, config: EncoderConfig, options: ModelOptions) -> None:
        """A Bi-LSTM over fresh embeddings, with emissions of its own for the same CRF.

        The two learn side by side: L_ner is the sum of their losses, so that neither leaves to the other what it could
        learn itself. Tags are decoded from a weighted mean of their emissions. What the encoder knows of the language
        carries over to mentions that training never showed; what was shown, fresh weights of a higher learning rate
        remember better. How much of each a corpus wants, its development split chooses, see `evaluation/threshold.py`.
        The rows that relations are classified from are the encoder's alone.

        Args:
            config: gives the size of the vocabulary.
            options: `embedding_size` and `units` of each direction.
        """
        policy, width = self.dtype_policy, 2 * options.units
        dropout = min(SECOND_DROPOUT * options.dropout, 0.9)
        sizes = config.vocabulary_size, options.embedding_size, options.units, dropout, config.num_forms
        self.second_encoder = BiLstmEncoder(*sizes, dtype=policy, name="second_encoder")
        self.second_dropout = keras.layers.Dropout(dropout, dtype=policy, name="second_dropout")
        self.second_dense = keras.layers.Dense(self.tag_dense.units, dtype=wide_dtype(policy), name="second_dense")
        self.second_encoder.build((None, None))
        self.second_encoder.built = True
        self.second_dense.build((None, None, width))

    @property
    def has_second_tagger(self) -> bool:
        return self.second_encoder is not None

    def second_states(self, batch, training=False) -> dict[str, object]:
        """The states that `encode` adds for a second tagger: `second` [B, T, 2·units]."""
        if not self.has_second_tagger:
            return {}
        rows, _ = self.second_encoder(batch["token_ids"], batch["lengths"], training=training)
        return {"second": rows}

    @property
    def second_variables(self) -> list[keras.Variable]:
        if not self.has_second_tagger:
            return []
        return self.second_encoder.trainable_variables + self.second_dense.trainable_variables

    @property
    def num_tags(self) -> int:
        """L·C, the emissions of a token; 0 without the task NER."""
        return self.tag_dense.units if Task.NER in self.tasks else 0

    def emission_flops(self, lengths, width: int) -> float:
        """Operations of the emissions from rows of D = width, and of the second tagger."""
        flops = dense_flops(np.asarray(lengths) - 1, width, self.num_tags)
        if not self.has_second_tagger:
            return flops
        units = self.second_encoder.units
        flops += dense_flops(np.asarray(lengths) - 1, 2 * units, self.num_tags)
        return flops + bi_lstm_flops(lengths, self.second_encoder.embedding.size, units)

    def emissions(self, states, training=False, second_share=0.5):
        """H_p^ner of Eq. (9), the mean over taggers: every token but [CLS], [SEP] included. [B·L, T-1, C]."""
        first, *second = self._emissions_by_tagger(states, training)
        if not second:
            return first
        share = ops.cast(second_share, first.dtype)
        return (1.0 - share) * first + share * second[0]

    def _emissions_by_tagger(self, states, training):
        """A list: [B·L, T-1, C] of the encoder, and of the second tagger where there is one."""
        emissions = [self.tag_dense(self.tag_dropout(states["output"][:, 1:], training=training))]  # [B, T-1, L·C]
        if self.has_second_tagger:
            rows = self.second_dropout(states["second"][:, 1:], training=training)  # [B, T-1, 2·units]
            emissions.append(self.second_dense(rows))  # [B, T-1, L·C]
        return [self._by_layer(of_tagger) for of_tagger in emissions]

    def _by_layer(self, emissions):
        """[B, T-1, L·C] -> [B·L, T-1, C]."""
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
        emissions = self.emissions(states, second_share=batch.get("second_share", 0.5))
        if "entity_shift" in batch:
            emissions = emissions + batch["entity_shift"] * self._begins
        tags, _ = self.crf.decode(emissions, self._tagged(batch), legal=self.legal_decoding)
        return ops.pad(tags, ((0, 0), (1, 0))), emissions  # [B·L, T]

    def span_log_probabilities(self, batch, emissions, spans):
        """Log marginal probability of entity spans under the CRF.

        Args:
            emissions: [B·L, T-1, C] from `tag`.
            spans: dict of [E] int32: `sentence` (row of the emissions), `start`, `end` (token positions, [CLS] = 0),
                and the type's `begin`, `inside`, `last`, `single` tags.

        Returns:
            [E] float32.
        """
        tags = (spans["begin"], spans["inside"], spans["last"], spans["single"])
        places = (spans["sentence"], spans["start"] - 1, spans["end"] - 1)
        lengths = self._tagged(batch)
        return self.crf.span_log_marginals(emissions, lengths, *places, *tags, legal=self.legal_decoding)

    def tag_loss(self, batch, states, training=False):
        each = self._emissions_by_tagger(states, training)
        tags, lengths = batch["tags"][:, 1:], self._tagged(batch)  # [B·L, T-1], [B·L]
        if len(each) > 1:  # as twice the sentences, so that the recurrence runs once
            tags, lengths = ops.concatenate([tags, tags]), ops.concatenate([lengths, lengths])
        log_p = self.crf.log_likelihood(ops.concatenate(each), tags, lengths)  # [2·B·L], or [B·L]
        log_p = ops.sum(ops.reshape(log_p, (len(each), -1, self.num_layers)), axis=(0, 2))  # [B]
        return weighted_mean(-log_p, batch["sentence_weights"])  # Eq. (12)
