"""Models with random weights, for measurements where no text is understood, and the made-up labels they need."""

import string

import keras

from strtf.config import Experiment, ModelOptions, Precision, RcCompute, RcFeatures, RcMask, TrainingOptions
from strtf.layers.str_encoder import EncoderConfig
from strtf.models.build import build_model
from strtf.schema import Direction, RelationClass, Schema

VOCABULARY = 21128  # of Google's Chinese BERT

ENCODERS = {
    "zh_small": EncoderConfig(VOCABULARY, 12, 384, 12, 1536),
    "bert_base": EncoderConfig(VOCABULARY, 12, 768, 12, 3072),
    "narrow": EncoderConfig(VOCABULARY, 12, 32, 2, 64),  # as many operators as BERT-base, and no work
    "tiny": EncoderConfig(VOCABULARY, 4, 32, 2, 64),  # for trying a command out
}

ENTITY_TYPES = tuple(string.ascii_uppercase[:8])
# Entities take the first two types in turn, and only unlike ones are related: about half of all pairs.
RELATED = frozenset({(ENTITY_TYPES[0], ENTITY_TYPES[1])})
SCHEMA = Schema(
    ENTITY_TYPES,
    tuple(RelationClass(f"relation {n}", direction) for n in range(5) for direction in Direction),
    RELATED,
)

# The paper's relation head reads [CLS] alone.
PAPER_HEAD = {"rc_features": RcFeatures.CLS}
PAPER_HEAD |= dict.fromkeys(("rc_distance", "rc_context", "rc_types", "rc_rivals"), False)

LOUD = 0.4  # standard deviation of the classifier's random weights, so that probabilities differ from pair to pair


def paper_options(num_task_blocks: int, rc_mask=RcMask.PAIR_FOCUSED, **options) -> ModelOptions:
    """The paper's model."""
    return ModelOptions(num_task_blocks=num_task_blocks, rc_mask=RcMask(rc_mask), **PAPER_HEAD | options)


def experiment(num_task_blocks: int, rc_mask=RcMask.PAIR_FOCUSED, rc_compute=RcCompute.EXACT_ROWS,
               precision="float32", **options) -> Experiment:  # fmt: skip
    model = paper_options(num_task_blocks, rc_mask, rc_compute=rc_compute, **options)
    return Experiment(model=model, training=TrainingOptions(precision=Precision(precision)))


def random_model(config: EncoderConfig, options: Experiment, schema: Schema = SCHEMA):
    """A model with fresh weights and a loud pair classifier."""
    model = build_model(options, config, schema)
    kernel = model.pair_classifier.relation_dense.kernel
    kernel.assign(kernel * (LOUD / keras.ops.std(kernel)))
    return model
