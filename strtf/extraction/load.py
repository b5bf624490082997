"""Extractors: from a model in memory, or from a run directory."""

import math

from strtf.config import Experiment, PairFilter, PriorCorrection, TrainingOptions
from strtf.data.features import Featurizer
from strtf.errors import StrtfError
from strtf.extraction.decision import Decision
from strtf.extraction.extractor import Extractor
from strtf.layers.str_encoder import EncoderConfig
from strtf.models.build import assign_named, build_model
from strtf.run_dir import RunDir, build_as, read_as, read_tensors
from strtf.schema import Schema
from strtf.text.bieos import TagScheme
from strtf.text.tokenizer import make_tokenizer
from strtf.text.vocabulary import Vocabulary


def make_featurizer(experiment: Experiment, schema: Schema, vocabulary: Vocabulary) -> Featurizer:
    options = experiment.model
    return Featurizer(
        make_tokenizer(vocabulary, options.tokenization, options.lowercase, options.tells_forms),
        TagScheme(schema.entity_types),
        schema,
        options.max_tokens,
        options.window_overlap,
        experiment.data.overlaps,
        schema.related if options.pair_filter is PairFilter.SEEN_TYPES else None,
        options.tag_layers,
        options.pair_scope,
    )


def make_extractor(experiment: Experiment, model, featurizer: Featurizer, jit_compile: bool = False) -> Extractor:
    return Extractor(model, featurizer, experiment.model, untuned(experiment.training), jit_compile=jit_compile)


def untuned(training: TrainingOptions) -> Decision:
    """What decides before a development split chooses, or without one: the most probable class, its prior undone.

    A classifier trained on positives and a share q of the negatives learns odds of "No relation" that are q times
    too small (case-control sampling); log q on the margin sets them right.
    """
    if training.prior_correction is not PriorCorrection.LOGIT or training.negative_keep == 0.0:
        return Decision()
    return Decision(relation_offset=math.log(training.negative_keep))


def load_extractor(run_dir: RunDir, experiment: Experiment | None = None, jit_compile: bool = False) -> Extractor:
    """The extractor with a run's best weights.

    Args:
        experiment: the run's, possibly with other operational options; read from the run when None.
        jit_compile: see `Extractor`.
    """
    run_dir.require()
    experiment = experiment or run_dir.read_experiment()
    schema = run_dir.read_schema()
    config, vocabulary = read_encoder(run_dir)
    model = build_model(experiment, config, schema, trains=False)
    values, state = read_tensors(run_dir.weights)
    assign_named(model.trainable_variables, values, str(run_dir.weights))
    extractor = make_extractor(experiment, model, make_featurizer(experiment, schema, vocabulary), jit_compile)
    chosen = build_as(run_dir.weights, lambda kept: Decision.from_json(kept, extractor.decision), state)
    extractor.decision = chosen.at_least(experiment.model.min_probability)
    return extractor


def read_encoder(run_dir: RunDir) -> tuple[EncoderConfig, Vocabulary]:
    """The shape of a run's encoder, and what it reads."""
    config, vocabulary = read_as(run_dir.encoder, _encoder_config), Vocabulary.load(run_dir.vocabulary)
    if len(vocabulary) != config.vocabulary_size:
        raise StrtfError(
            f"{run_dir.vocabulary} must hold {config.vocabulary_size} tokens, as many as the run's encoder embeds. "
            f"Received: a vocabulary of the wrong size, {len(vocabulary)}. Restore the file, or train again."
        )
    return config, vocabulary


def _encoder_config(values: dict) -> EncoderConfig:
    sizes = [value for value in values.values() if type(value) is not bool]
    if not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError("sizes must be positive integers")
    return EncoderConfig(**values)
