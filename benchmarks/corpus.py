"""Sentences of a real corpus and a model for them: what `train_step` and `extract` measure on."""

import dataclasses
import pathlib

import numpy as np

from strtf.config import Experiment
from strtf.data.features import Example, Featurizer
from strtf.data.load import load_split
from strtf.data.splits import subsample
from strtf.extraction.load import make_featurizer
from strtf.models.build import build_model
from strtf.pretrained.load import assign_weights, open_pretrained
from strtf.schema import Schema, Sentence
from strtf.text.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A seeded sample of one split.

    Attributes:
        name: of the corpus, without its place.
        sentences: those of the sample that fit one window.
        examples: one for each sentence, in the same order.
        vocabulary: for further featurizers.
    """

    name: str
    schema: Schema
    sentences: list[Sentence]
    examples: list[Example]
    vocabulary: Vocabulary

    @property
    def num_pairs(self) -> int:
        return sum(len(example.pairs) for example in self.examples)

    def facts(self) -> dict:
        tokens = [len(example.token_ids) for example in self.examples]
        return {
            "corpus": self.name,
            "sentences": len(self.sentences),
            "tokens_per_sentence": float(np.mean(tokens)),
            "pairs_per_sentence": self.num_pairs / len(self.sentences),
        }


def open_corpus(experiment: Experiment, split: str, count: int, seed: int):
    """(corpus, model with the pretrained encoder, featurizer).

    Args:
        experiment: names corpus and encoder.
        split: "train", "dev" or "test"; the schema is the training split's in any case.
        count: sentences to sample (0: all).
        seed: of the sample.
    """
    schema = Schema.from_sentences(load_split(experiment.data, "train"))
    sentences = load_split(experiment.data, split)
    schema.check(sentences)
    pretrained = open_pretrained(experiment.model.encoder)
    featurizer = make_featurizer(experiment, schema, pretrained.vocabulary)
    sentences = subsample(sentences, count, seed) if 0 < count < len(sentences) else sentences
    sentences, examples = _in_one_window(sentences, featurizer)
    model = build_model(experiment, pretrained.config, schema)
    assign_weights(model.encoder, pretrained.weights)
    name = pathlib.Path(experiment.data.data_dir).name
    return Corpus(name, schema, sentences, examples, pretrained.vocabulary), model, featurizer


def _in_one_window(sentences, featurizer: Featurizer) -> tuple[list[Sentence], list[Example]]:
    """The authors' formulation knows no windows, so neither side gets the few texts that need several."""
    by_sentence = [featurizer.corpus([sentence])[0] for sentence in sentences]
    alone = [(s, e[0]) for s, e in zip(sentences, by_sentence, strict=True) if len(e) == 1]
    return [sentence for sentence, _ in alone], [example for _, example in alone]
