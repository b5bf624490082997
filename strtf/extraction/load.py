"""Extractors: from a model in memory, or from a run directory."""

import math

from strtf.config import Experiment, PairFilter, PriorCorrection
from strtf.data.features import Featurizer
from strtf.extraction.extractor import Extractor
from strtf.layers.str_encoder import EncoderConfig
from strtf.models.build import assign_named, build_model
from strtf.run_dir import RunDir, read_json, read_tensors
from strtf.schema import Schema
from strtf.text.bieos import TagScheme
from strtf.text.tokenizer import make_tokenizer
from strtf.text.vocabulary import Vocabulary


def make_featurizer(experiment: Experiment, schema: Schema, vocabulary: Vocabulary) -> Featurizer:
    options = experiment.model
    return Featurizer(
        make_tokenizer(vocabulary, options.tokenization, options.lowercase),
        TagScheme(schema.entity_types),
        schema,
        options.max_tokens,
        options.window_overlap,
        experiment.data.overlaps,
        schema.related if options.pair_filter is PairFilter.SEEN_TYPES else None,
    )


def make_extractor(experiment: Experiment, model, featurizer: Featurizer) -> Extractor:
    return Extractor(model, featurizer, experiment.model, no_relation_shift(experiment))


def no_relation_shift(experiment: Experiment) -> float:
    """Added to the "No relation" logit outside training.

    A classifier trained on positives and a share q of the negatives learns odds of "No relation" that are q times
    too small (case-control sampling); -log q on its logit sets them right.
    """
    training = experiment.training
    if training.prior_correction is not PriorCorrection.LOGIT or training.negative_keep == 0.0:
        return 0.0
    return -math.log(training.negative_keep)


def load_extractor(run_dir: RunDir, experiment: Experiment | None = None) -> Extractor:
    """The extractor with a run's best weights.

    Args:
        experiment: the run's, possibly with other operational options; read from the run when None.
    """
    run_dir.require()
    experiment = experiment or run_dir.read_experiment()
    schema = run_dir.read_schema()
    model = build_model(experiment, EncoderConfig(**read_json(run_dir.encoder)), schema)
    values, _ = read_tensors(run_dir.weights)
    assign_named(model.trainable_variables, values, str(run_dir.weights))
    featurizer = make_featurizer(experiment, schema, Vocabulary.load(run_dir.vocabulary))
    return make_extractor(experiment, model, featurizer)
