"""What a training would make of a corpus, told without training: sizes, what is lost, pairs, doubts."""

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd

from strtf.config import Experiment, PairFilter, PairScope, Tasks
from strtf.data.corpus import json_line
from strtf.data.doubts import Doubt, find_doubts, repeated_texts
from strtf.data.features import BETWEEN, FILTERED, OVERLAPPING, Example
from strtf.data.load import as_trained_on, load_splits, split_paths
from strtf.evaluation.mentions import known_mentions
from strtf.extraction.load import make_featurizer
from strtf.pretrained.load import open_pretrained
from strtf.run_dir import check_apart, check_writable, read_json, replacing
from strtf.schema import Schema, Sentence
from strtf.text.vocabulary import Vocabulary

MOST_LAYERS = 3
PRUNING = {
    "--pair_scope=line": {"pair_scope": PairScope.LINE, "pair_filter": PairFilter.ALL},
    "--pair_filter=seen_types": {"pair_scope": PairScope.TEXT, "pair_filter": PairFilter.SEEN_TYPES},
}


def check_corpus(experiment: Experiment, doubts_path: str = "") -> str:
    """The report.

    Args:
        doubts_path: a file to write all doubtful places to, JSON Lines with their words; none where empty.

    Raises:
        StrtfError: bad options or data, as training would find them; a file for doubts that is one of the corpus'.
    """
    if doubts_path:
        check_apart("--doubts", doubts_path, split_paths(experiment.data).values())
        check_writable(doubts_path)
    splits = load_splits(experiment.data)
    first = next(iter(splits.values()))  # the training split, where there is one; whole, as its inventory is
    given = experiment.data.schema
    schema = Schema.from_json(read_json(given)) if given else Schema.from_sentences(first)
    for sentences in splits.values():
        schema.check(sentences)
    schema.check_learnable(relations=experiment.model.tasks is not Tasks.NER)
    splits = as_trained_on(splits, experiment.data)
    vocabulary = open_pretrained(experiment.model.encoder).vocabulary
    examples, lost = {}, {}
    for name, sentences in splits.items():
        examples[name], lost[name] = make_featurizer(experiment, schema, vocabulary).corpus(sentences)
    doubts = find_doubts(splits)
    if doubts_path:
        with replacing(doubts_path) as partial, open(partial, "w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(json_line(doubt._asdict()) for doubt in doubts)
    parts = [
        _table({name: _sizes(splits[name], examples[name], vocabulary) for name in splits}),
        _lost(lost, experiment, splits, schema, vocabulary),
        _pairs(experiment, splits, schema, vocabulary),
        _overlap_of_splits(splits),
        _doubts(doubts, doubts_path),
    ]
    return "\n\n".join(filter(None, parts))


def _sizes(sentences: Sequence[Sentence], examples: Sequence[Example], vocabulary: Vocabulary) -> dict[str, float]:
    tokens = sum(len(example.token_ids) - 2 for example in examples)
    unknown = sum(int((example.token_ids % len(vocabulary) == vocabulary.unk_id).sum()) for example in examples)
    pairs = [len(example.pairs) for example in examples]
    return {
        "texts": len(sentences),
        "characters": sum(len(sentence.text) for sentence in sentences),
        "longest text": max(len(sentence.text) for sentence in sentences),
        "windows": len(examples),
        "tokens": tokens,
        "unknown to the encoder, %": round(100 * unknown / max(tokens, 1), 2),
        "entities": sum(len(sentence.entities) for sentence in sentences),
        "relations": sum(len(sentence.relations) for sentence in sentences),
        "candidate pairs": sum(pairs),
        "most in a window": max(pairs),
    }


def _table(columns: Mapping[str, dict]) -> str:
    written = {name: {row: f"{cell:,}" for row, cell in column.items()} for name, column in columns.items()}
    return pd.DataFrame(written).to_string()


def _lost(lost, experiment: Experiment, splits, schema: Schema, vocabulary: Vocabulary) -> str:
    """What no tag or pair can say, and what more layers of tags would hold."""
    items = {name: ", ".join(f"{n:,} {cause}" for cause, n in sorted(each.items()) if n) for name, each in lost.items()}
    lines = [
        "Not representable with these options:",
        *(f"  {name}: {each or 'nothing'}" for name, each in items.items()),
    ]
    name, sentences = next(iter(splits.items()))
    if lost[name][OVERLAPPING]:
        for layers in range(experiment.model.tag_layers + 1, MOST_LAYERS + 1):
            other = _with(experiment, tag_layers=layers)
            left = make_featurizer(other, schema, vocabulary).corpus(sentences)[1].total()
            lines.append(f"  {name} with --tag_layers={layers}: {left:,} in all, instead of {lost[name].total():,}")
    return "\n".join(lines)


def _pairs(experiment: Experiment, splits, schema: Schema, vocabulary: Vocabulary) -> str:
    """What pruning of pairs would save and lose."""
    name, sentences = next(iter(splits.items()))

    def count(**options) -> tuple[int, int]:
        examples, lost = make_featurizer(_with(experiment, **options), schema, vocabulary).corpus(sentences)
        return sum(len(example.pairs) for example in examples), lost[BETWEEN] + lost[FILTERED]

    every, _ = count(pair_scope=PairScope.TEXT, pair_filter=PairFilter.ALL)
    lines = [f"Candidate pairs of {name}: {every:,}"]
    for flag, options in PRUNING.items():
        pairs, lost = count(**options)
        if pairs < every:
            lines.append(f"  {flag}: {pairs:,}, and {lost or 'no'} annotated relations fewer")
    return "\n".join(lines)


def _overlap_of_splits(splits: Mapping[str, Sequence[Sentence]]) -> str:
    lines = []
    for (name, other), count in repeated_texts(splits).items():
        if count:
            lines.append(f"{count:,} of {len(splits[name]):,} texts of {name} stand word for word in {other}.")
    if "train" in splits:
        known = known_mentions(splits["train"])
        for name, sentences in splits.items():
            words = [(s.text[e.start : e.end], e.type) for s in sentences for e in s.entities]
            if name != "train" and words:
                share = sum(each in known for each in words) / len(words)
                lines.append(f"{share:.0%} of the entities of {name} occur in train with the same words and type.")
    return "\n".join(lines)


def _doubts(doubts: Sequence[Doubt], path: str) -> str:
    gaps = sum(doubt.annotated is None for doubt in doubts)
    if not doubts:
        return "No word is annotated otherwise than it nearly always is."
    where = f"They are in {path}." if path else "--doubts=FILE lists them, with their words."
    return (
        f"Annotated otherwise than their words nearly always are: {gaps:,} places are no entity, "
        f"{len(doubts) - gaps:,} have another type. {where}"
    )


def _with(experiment: Experiment, **model) -> Experiment:
    return dataclasses.replace(experiment, model=dataclasses.replace(experiment.model, **model))
