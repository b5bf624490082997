"""The focused attention model: STR-encoder, CRF, pair classifier (Fig. 2 of the paper)."""

from keras import ops

from strtf.config import ModelOptions, RcFeatures
from strtf.layers.pair_classifier import PairClassifier
from strtf.layers.relation_pass import RelationPass
from strtf.layers.span_max import SpanMax
from strtf.layers.str_encoder import EncoderConfig, StrEncoder
from strtf.models.base import TASKS_OF, Task
from strtf.models.crf_tagging import CrfTagging
from strtf.models.flops import encoder_product, pair_flops, tag_flops
from strtf.models.memory import PairMemory
from strtf.text.bieos import TagScheme


class FocusedAttention(CrfTagging):
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
        self.encoder = StrEncoder(config, options.num_task_blocks, options.dropout, dtype=policy, name="encoder")
        self.stop_at = None
        if Task.NER in self.tasks:
            self.add_tagging(config.hidden_size, config.vocabulary_size, scheme, options)
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
                len(scheme.entity_types) if options.rc_types else 0,
                options.rc_rivals,
                dtype=policy,
                name="pair_classifier",
            )
            self.context = SpanMax(config.hidden_size, options.max_tokens) if options.rc_context else None
            self.features_per_row = 3 if options.rc_features is RcFeatures.CLS_AND_ENTITIES else 1
            self.features_per_row += options.rc_context
            if Task.NER not in self.tasks and not options.rc_context:
                self.stop_at = self.relation_pass.needs_task_block
        self._build_weights(config.hidden_size)

    def _build_weights(self, width):
        self.encoder.build((None, None))
        self.encoder.built = True
        if Task.RC in self.tasks:
            self.pair_classifier.build((None, width * self.features_per_row))
            self.pair_classifier.built = True
        self.built = True

    # -------------------------------------------------------------------- forward
    def encode(self, batch, training=False):
        states = self.encoder(batch["token_ids"], batch["lengths"], training=training, stop_at=self.stop_at)
        if Task.RC in self.tasks and self.context is not None:
            states["maxima"] = self.context.tables(states["output"])  # [B·T·log2 T, D]
        return states

    def classify_pairs(self, batch, states, training=False):
        self.require(Task.RC)
        features = self.relation_pass(states, pair_arrays(batch), training=training)  # [P, D] or [P, 3D]
        if self.context is not None:
            length, spans = ops.shape(states["key_mask"])[2], batch["pair_spans"]
            place = batch["pair_sentence"], spans[:, 1], spans[:, 2]
            between = self.context.pool(states["maxima"], length, *place)  # [P, D]
            features = ops.concatenate([features, between], axis=-1)
        facts = (batch[name] for name in ("pair_spans", "pair_types", "pair_rivals"))
        return self.pair_classifier(features, *facts, training=training)  # [P, S]

    def pair_variables(self):
        blocks = [variable for block in self.encoder.task_blocks for variable in block.trainable_variables]
        return blocks + self.pair_classifier.trainable_variables

    # ----------------------------------------------------------------------- cost
    @property
    def pretrained(self):
        return self.encoder

    def pair_memory(self, options, training=False):
        return PairMemory(self.encoder.config, options, training)

    def sentence_flops(self, lengths):
        return tag_flops(self.encoder.config, lengths, self.num_tags)

    def pair_flops(self, options, length, sizes):
        return pair_flops(self.encoder.config, options, length, sizes, self.pair_classifier.num_classes)

    def typical_product(self):
        return encoder_product(self.encoder.config)


def pair_arrays(batch):
    """The arrays that a relation pass reads."""
    return {name: batch[name] for name in ("pair_sentence", "pair_spans", "pair_rows", "row_slots", "slot_rows")}
