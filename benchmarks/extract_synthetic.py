"""Extraction of made-up texts: sentences per core-second beside a peer's, and the share of the machine's peak."""

import dataclasses
import functools

from benchmarks.backend import on_device
from benchmarks.forced import forced_extractor
from benchmarks.harness import Effort, interleaved
from benchmarks.models import ENCODERS, SCHEMA, experiment, random_model
from benchmarks.report import num_cores
from benchmarks.texts import made_up_sentences
from strtf.config import Experiment, PairFilter
from strtf.data.batches import exact_size, pad_sentences
from strtf.data.features import Example, Featurizer
from strtf.data.pairs import pair_sizes
from strtf.extraction.compiled import compiled
from strtf.extraction.load import make_featurizer
from strtf.models.flops import pair_flops, tag_flops
from strtf.pretrained.load import open_pretrained
from strtf.text.bieos import TagScheme

VOCABULARY = "checkpoints/zh_small"  # its vocabulary is Google's

PEER = "SpERT"
# (tokens, entities): the peer's sentences per core-second: a peer's numbers, measured elsewhere on the same machine
# type, not run here; and the figure to reach without and with half of the pairs filtered out
SETTINGS = {(32, 8): (8.7, 9.0, None), (128, 8): (1.1, 3.3, None), (32, 16): (7.2, None, 7.0)}

# of the utilisation part
TEXTS = (16, 128, 8, 4)  # B, T, entities, tokens of an entity
NUM_TASK_BLOCKS = 4


@dataclasses.dataclass(frozen=True)
class Extraction:
    """Made-up texts and the call that extracts from them."""

    call: object
    texts: list[str]
    examples: list[Example]

    @property
    def pairs_per_sentence(self) -> float:
        return sum(len(example.pairs) for example in self.examples) / len(self.texts)


def synthetic_rows(size: str, num_task_blocks: int, batch: int, precision: str, effort: Effort) -> list[dict]:
    """Each setting with one-token entities, Eq. (14); with all pairs, and with those of unlike types alone."""
    model = random_model(ENCODERS[size], experiment(num_task_blocks, precision=precision))
    extractions = {
        (setting, pair_filter): prepare(model, num_task_blocks, precision, batch, *setting, 1, pair_filter)
        for setting in SETTINGS
        for pair_filter in PairFilter
        if pair_filter is PairFilter.ALL or SETTINGS[setting][2]
    }
    timings = interleaved({key: extraction.call for key, extraction in extractions.items()}, effort)
    return [_synthetic_row(size, num_task_blocks, key, extractions[key], timings[key]) for key in extractions]


def _synthetic_row(size: str, num_task_blocks: int, key, extraction: Extraction, timing) -> dict:
    (length, entities), pair_filter = key
    peer, target, filtered_target = SETTINGS[length, entities]
    return {
        "part": "synthetic",
        "encoder": size,
        "num_task_blocks": num_task_blocks,
        "length": length,
        "entities": entities,
        "pair_filter": pair_filter.value,
        "pairs_per_sentence": extraction.pairs_per_sentence,
        "sentences_per_core_second": len(extraction.texts) / (timing.median * num_cores()),
        "target": target if pair_filter is PairFilter.ALL else filtered_target,
        "peer": PEER,
        "peer_sentences_per_core_second": peer,
        "peer_note": "a peer's numbers, not run here",
        "batch": len(extraction.texts),
        "first_ms": 1000.0 * timing.first,
        "time_spread": timing.spread,
        "repeats": len(timing.samples),
    }


def utilisation_row(size: str, precision: str, peak, effort: Effort, texts=TEXTS) -> dict:
    """Operations per second of a whole extraction, and of its NER forward alone, over the best matrix product's."""
    config = ENCODERS[size]
    blocks = min(NUM_TASK_BLOCKS, config.num_blocks)
    model = random_model(config, experiment(blocks, precision=precision))
    extraction = prepare(model, blocks, precision, *texts)
    batch = on_device(pad_sentences([example.token_ids for example in extraction.examples], exact_size))
    ner = compiled(model, lambda batch: model.emissions(model.encode(batch)))
    sides = {"extract": extraction.call, "ner": lambda: ner(batch), "peak": peak.measure}
    timings = interleaved(sides, effort)
    work = extraction_flops(config, blocks, extraction.examples)
    gflops = {name: 1e-9 * work[name] / timings[name].median for name in work}
    return {
        "part": "utilisation",
        "encoder": size,
        "num_task_blocks": blocks,
        **dict(zip(("batch", "length", "entities", "entity_tokens"), texts, strict=True)),
        "pairs_per_sentence": extraction.pairs_per_sentence,
        "extract_ms": timings["extract"].median_ms,
        "extract_gflops": gflops["extract"],
        "ner_gflops": gflops["ner"],
        "peak_gflops": peak.gflops,
        "share_of_peak": gflops["extract"] / peak.gflops,
        "ner_share_of_peak": gflops["ner"] / peak.gflops,
        "time_spread": timings["extract"].spread,
        "repeats": len(timings["extract"].samples),
    }


def extraction_flops(config, num_task_blocks: int, examples: list[Example]) -> dict[str, float]:
    """Operations of a whole extraction under Eq. (14) (`extract`), and of its NER pass alone (`ner`)."""
    options = experiment(num_task_blocks).model
    ner = tag_flops(config, [len(e.token_ids) for e in examples], TagScheme(SCHEMA.entity_types).num_tags)
    relations = sum(
        pair_flops(config, options, len(e.token_ids), pair_sizes(e.pair_spans(slice(None))), SCHEMA.num_classes)
        for e in examples
    )
    return {"extract": ner + relations, "ner": ner}


def prepare(model, num_task_blocks: int, precision: str, batch: int, length: int, entities: int, size: int,
            pair_filter=PairFilter.ALL) -> Extraction:  # fmt: skip
    """Made-up texts, and an extractor that finds their entities."""
    options = experiment(num_task_blocks, precision=precision, pair_filter=pair_filter)
    featurizer = featurizer_of(options)
    sentences = made_up_sentences(batch, length, entities, size)
    examples, _ = featurizer.corpus(sentences)
    extractor = forced_extractor(options, model, featurizer, examples)
    texts = [sentence.text for sentence in sentences]
    return Extraction(lambda: len(extractor.extract(texts)), texts, examples)


def featurizer_of(options: Experiment) -> Featurizer:
    return make_featurizer(options, SCHEMA, _vocabulary())


@functools.cache
def _vocabulary():
    return open_pretrained(VOCABULARY).vocabulary
