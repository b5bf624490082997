"""Extraction of a real corpus: ours against the authors' formulation, and what `--pair_filter` saves."""

import collections
import dataclasses

import numpy as np

from benchmarks.authors import AuthorsFormulation, example_batches
from benchmarks.corpus import Corpus, open_corpus
from benchmarks.forced import forced_extractor
from benchmarks.harness import Effort, interleaved
from strtf.config import Experiment, PairFilter
from strtf.data.batches import Batch
from strtf.data.features import FILTERED, Example, Featurizer
from strtf.extraction.compiled import compiled
from strtf.extraction.load import make_featurizer
from strtf.models.flops import tag_flops

ACHIEVED = 0.5  # share of the matrix product peak to expect, for the choice of a sample only
MAX_GB = 2.0


@dataclasses.dataclass(frozen=True)
class Opened:
    """A corpus and what extracts from it."""

    experiment: Experiment
    corpus: Corpus
    model: object
    featurizer: Featurizer

    @property
    def texts(self) -> list[str]:
        return [sentence.text for sentence in self.corpus.sentences]

    def facts(self) -> dict:
        options = self.experiment.model
        encoder = options.encoder.rstrip("/").rsplit("/", 1)[-1]
        settings = {"mask": options.rc_mask.value, "num_task_blocks": options.num_task_blocks, "encoder": encoder}
        return self.corpus.facts() | settings


@dataclasses.dataclass(frozen=True)
class Budget:
    """Of the authors' side: examples at once, seconds of a run, and the peak to estimate them with."""

    batch_size: int
    seconds: float
    peak_gflops: float


def open_for_extraction(experiment: Experiment, sentences: int, seed: int) -> Opened:
    return Opened(experiment, *open_corpus(experiment, "test", sentences, seed))


def corpus_row(opened: Opened, budget: Budget, effort: Effort) -> dict:
    """Seconds for a sentence, both ways, gold entities as if found.

    The authors' side tags each sentence, then runs an example for each pair through both passes. It runs on a random
    sample of the examples, and is charged for the rest in proportion to their operations, padding not counted.
    """
    corpus, config = opened.corpus, opened.model.encoder.config
    extractor = forced_extractor(opened.experiment, opened.model, opened.featurizer, corpus.examples)
    authors = AuthorsFormulation(opened.model, opened.experiment.model.rc_mask)
    emissions, logits = (compiled(opened.model, f) for f in (authors.emissions, authors.logits))
    tag = compiled(opened.model, lambda batch: opened.model.tag(batch, opened.model.encode(batch)))
    chosen, scale = sample_pairs(corpus.examples, config, budget)
    tagged = list(_batches(corpus.examples, every_sentence(corpus.examples), config, budget))
    paired = list(_batches(corpus.examples, chosen, config, budget))
    scale *= _unpadded_share(paired, config)
    texts = opened.texts
    sides = {
        "ours": lambda: len(extractor.extract(texts)),
        "authors_tagging": lambda: [tag(batch) for batch in tagged],
        "authors_ner_pass": lambda: [emissions(batch) for batch in paired],
        "authors_rc_pass": lambda: [logits(batch) for batch in paired],
    }
    timings = interleaved(sides, effort)
    ms = {name: timing.median_ms / len(texts) for name, timing in timings.items()}
    lean = ms["authors_tagging"] + scale * ms["authors_rc_pass"]
    whole = lean + scale * ms["authors_ner_pass"]
    return {
        "part": "corpus",
        **opened.facts(),
        "ours_ms_per_sentence": ms["ours"],
        "authors_ms_per_sentence": whole,
        "ratio": whole / ms["ours"],
        "authors_rc_pass_only_ms_per_sentence": lean,
        "ratio_rc_pass_only": lean / ms["ours"],
        "authors_examples": corpus.num_pairs,
        "authors_examples_run": len(chosen),
        "ours_first_ms": 1000.0 * timings["ours"].first,
        "ours_time_spread": timings["ours"].spread,
        "authors_time_spread": timings["authors_rc_pass"].spread,
        "repeats": len(timings["ours"].samples),
    }


def filter_rows(opened: Opened, effort: Effort) -> list[dict]:
    """Pairs and time under each `--pair_filter`; the gold relations that it rules out on this split."""
    corpus, sides, facts = opened.corpus, {}, {}
    for pair_filter in PairFilter:
        options = dataclasses.replace(opened.experiment.model, pair_filter=pair_filter)
        experiment = dataclasses.replace(opened.experiment, model=options)
        featurizer = make_featurizer(experiment, corpus.schema, corpus.vocabulary)
        examples, lost = featurizer.corpus(corpus.sentences)
        extractor = forced_extractor(experiment, opened.model, featurizer, examples)
        sides[pair_filter] = _extract_all(extractor, opened.texts)
        facts[pair_filter] = _filter_facts(examples, lost)
    timings = interleaved(sides, effort)
    return [
        {
            "part": "filter",
            **opened.facts(),
            "pair_filter": pair_filter.value,
            **facts[pair_filter],
            "ms_per_sentence": timing.median_ms / len(corpus.sentences),
            "time_of_all": timing.median / timings[PairFilter.ALL].median,
            "time_spread": timing.spread,
            "repeats": len(timing.samples),
        }
        for pair_filter, timing in timings.items()
    ]


def _extract_all(extractor, texts):
    return lambda: len(extractor.extract(texts))


def _filter_facts(examples: list[Example], lost: collections.Counter) -> dict:
    related = sum(int((example.labels > 0).sum()) for example in examples)
    return {
        "pairs": sum(len(example.pairs) for example in examples),
        "gold_relations": related + lost[FILTERED],
        "gold_relations_left_out": lost[FILTERED],
    }


# ------------------------------------------------------------------ the authors' examples
Chosen = list[tuple[int, int]]  # (example, one of its pairs)
NO_PAIR = -1


def every_sentence(examples: list[Example]) -> Chosen:
    return [(number, NO_PAIR) for number in range(len(examples))]


def sample_pairs(examples: list[Example], config, budget: Budget) -> tuple[Chosen, float]:
    """A random sample of all pairs, and what its work must be multiplied with to be that of all."""
    pairs = [(number, pair) for number, example in enumerate(examples) for pair in range(len(example.pairs))]
    order = np.random.default_rng(0).permutation(len(pairs))
    work = np.array([_example_flops(config, len(examples[pairs[i][0]].token_ids)) for i in order])
    affordable = budget.seconds * ACHIEVED * budget.peak_gflops * 1e9
    count = max(1, int(np.searchsorted(np.cumsum(work), affordable)))
    return [pairs[i] for i in order[:count]], float(work.sum() / work[:count].sum())


def _batches(examples: list[Example], chosen: Chosen, config, budget: Budget):
    """The chosen as batches of the authors' examples."""
    longest = max(len(examples[number].token_ids) for number, _ in chosen)
    token_ids, lengths = np.zeros((len(chosen), longest), np.int32), np.zeros(len(chosen), np.int32)
    spans = np.ones((len(chosen), 4), np.int32)
    for row, (number, pair) in enumerate(chosen):
        example = examples[number]
        token_ids[row, : len(example.token_ids)], lengths[row] = example.token_ids, len(example.token_ids)
        if pair != NO_PAIR:
            spans[row] = example.pair_spans(np.array([pair]))[0]
    columns = {"token_ids": token_ids, "lengths": lengths, "pair_spans": spans}
    return example_batches(columns, budget.batch_size, MAX_GB, config, training=False)


def _unpadded_share(batches: list[Batch], config) -> float:
    """Operations on tokens over operations on tokens and padding: in a whole corpus, hardly anything is padded."""
    tokens = sum(_example_flops(config, length) for batch in batches for length in batch["lengths"].tolist())
    padded = sum(b["token_ids"].shape[0] * _example_flops(config, b["token_ids"].shape[1]) for b in batches)
    return tokens / padded


def _example_flops(config, length: int) -> float:
    return tag_flops(config, [length], num_tags=0)
