"""The focused attention model: STR-encoder, CRF, pair classifier (Fig. 2 of the paper)."""

import keras
from keras import ops

from strtf.config import ModelOptions, RcFeatures
from strtf.layers.crf import Crf
from strtf.layers.pair_classifier import PairClassifier
from strtf.layers.relation_pass import RelationPass
from strtf.layers.str_encoder import EncoderConfig, StrEncoder
from strtf.models.base import TASKS_OF, ExtractionModel, Task, weighted_mean
from strtf.text.bieos import TagScheme


class FocusedAttention(ExtractionModel):
    """Joint entity and relation extraction.

    Args:
        config: the encoder's shape.
        options: K, MASK_rc, dropout, tasks.
        scheme: the tags.
        num_classes: S, "No relation" included.
        dtype: Keras dtype policy of the blocks; CRF and logits stay in float32.
    """

    def __init__(self, config: EncoderConfig, options: ModelOptions, scheme: TagScheme, num_classes: int,
                 dtype="float32", **kwargs):  # fmt: skip
        super().__init__(TASKS_OF[options.tasks], dtype=dtype, **kwargs)
        # ---------------------------------------------------------------- layers
        policy = self.dtype_policy
        wide = "float64" if policy.compute_dtype == "float64" else "float32"
        self.encoder = StrEncoder(config, options.num_task_blocks, options.dropout, dtype=policy, name="encoder")
        self.stop_at = None
        if Task.NER in self.tasks:
            self.tag_dropout = keras.layers.Dropout(options.dropout, dtype=policy, name="tag_dropout")
            self.tag_dense = keras.layers.Dense(scheme.num_tags, dtype=wide, name="tag_dense")  # W_ner, b_ner
            self.crf = Crf(
                scheme.num_tags,
                scheme.start_penalty(),
                scheme.transition_penalty(),
                scheme.end_penalty(),
                name="crf",
            )
            self.legal_decoding = options.legal_decoding
        if Task.RC in self.tasks:
            blocks = self.encoder.task_blocks
            self.relation_pass = RelationPass(
                blocks,
                options.rc_mask,
                options.rc_compute,
                options.rc_features,
                dtype=policy,
                name="relation_pass",
            )
            self.pair_classifier = PairClassifier(
                num_classes,
                config.hidden_size,
                options.dropout,
                options.rc_distance,
                dtype=policy,
                name="pair_classifier",
            )
            self.features_per_row = 3 if options.rc_features is RcFeatures.CLS_AND_ENTITIES else 1
            if Task.NER not in self.tasks:
                self.stop_at = self.relation_pass.needs_task_block
        self._build_weights(config.hidden_size)

    def _build_weights(self, width):
        self.encoder.build((None, None))
        self.encoder.built = True
        if Task.NER in self.tasks:
            self.tag_dense.build((None, None, width))
        if Task.RC in self.tasks:
            self.pair_classifier.build((None, width * self.features_per_row))
            self.pair_classifier.built = True
        self.built = True

    # -------------------------------------------------------------------- forward
    def encode(self, batch, training=False):
        return self.encoder(batch["token_ids"], batch["lengths"], training=training, stop_at=self.stop_at)

    def emissions(self, states, training=False):
        """H_p^ner of Eq. (9): every token but [CLS], [SEP] included. [B, T-1, C]."""
        return self.tag_dense(self.tag_dropout(states["output"][:, 1:], training=training))

    def classify_pairs(self, batch, states, training=False):
        self.require(Task.RC)
        features = self.relation_pass(states, pair_arrays(batch), training=training)  # [P, D] or [P, 3D]
        return self.pair_classifier(features, batch["pair_spans"], training=training)  # [P, S]

    def tag(self, batch, states):
        self.require(Task.NER)
        emissions = self.emissions(states)
        tags, _ = self.crf.decode(emissions, batch["lengths"] - 1, legal=self.legal_decoding)
        return ops.pad(tags, ((0, 0), (1, 0))), emissions  # [B, T]

    def span_log_probabilities(self, batch, emissions, spans):
        """Log marginal probability of entity spans under the CRF.

        Args:
            emissions: [B, T-1, C] from `tag`.
            spans: dict of [E] int32: `sentence`, `start`, `end` (token positions, [CLS] = 0), and the type's
                `begin`, `inside`, `last`, `single` tags.

        Returns:
            [E] float32.
        """
        tags = (spans["begin"], spans["inside"], spans["last"], spans["single"])
        places = (spans["sentence"], spans["start"] - 1, spans["end"] - 1)
        return self.crf.span_log_marginals(emissions, batch["lengths"] - 1, *places, *tags, legal=self.legal_decoding)

    def tag_loss(self, batch, states, training=False):
        emissions = self.emissions(states, training)
        log_p = self.crf.log_likelihood(emissions, batch["tags"][:, 1:], batch["lengths"] - 1)  # [B]
        return weighted_mean(-log_p, batch["sentence_weights"])  # Eq. (12)

    def pair_variables(self):
        blocks = [variable for block in self.encoder.task_blocks for variable in block.trainable_variables]
        return blocks + self.pair_classifier.trainable_variables


def pair_arrays(batch):
    """The arrays that a relation pass reads."""
    return {name: batch[name] for name in ("pair_sentence", "pair_spans", "pair_rows", "row_slots", "slot_rows")}
