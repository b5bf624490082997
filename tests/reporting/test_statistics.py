"""Table I: by hand on two sentences, and the paper's totals on the embedded corpus."""

import json

import pandas as pd
import pytest

from strtf.config import DataOptions
from strtf.data.load import load_splits
from strtf.errors import StrtfError
from strtf.reporting.paper import ENTITIES, RELATIONS
from strtf.reporting.statistics import DIRECTIONS, corpus_statistics
from strtf.schema import Entity, Relation, Sentence

ENTITY = [
    Entity("a", 0, 1, "Degree"),
    Entity("b", 1, 2, "Location"),
    Entity("c", 2, 3, "Odd"),
    Entity("d", 3, 4, "Odd"),
]
TRAIN = Sentence(
    "s", "甲乙丙丁", tuple(ENTITY),
    (Relation("b", "a", "Modifier"), *2 * (Relation("a", "b", "Near"),), Relation("c", "d", "Near")),
)  # fmt: skip
TEST = Sentence("t", "甲乙", tuple(ENTITY[:2]))


def lines(frame):
    """{(item, direction): the line's numbers}."""
    return {(row[0], row[1]): list(row[2:]) for row in frame.itertuples(index=False)}


def test_counts_by_hand():
    found = lines(corpus_statistics({"train": [TRAIN], "test": [TEST]}))
    assert found == {
        ("sentences", ""): [pd.NA, 1, pd.NA, 1, 2],
        ("characters", ""): [pd.NA, 4, pd.NA, 2, 6],
        ("Degree", ""): [658, 1, pd.NA, 1, 2],
        ("Location", ""): [461, 1, pd.NA, 1, 2],
        ("Odd", ""): [pd.NA, 2, pd.NA, 0, 2],
        ("entities", ""): [2136, 4, pd.NA, 2, 6],
        ("Modifier", "e2 to e1"): [1068, 1, pd.NA, 0, 1],
        ("Near", "e1 to e2"): [pd.NA, 3, pd.NA, 0, 3],
        ("relations", ""): [2219, 4, pd.NA, 0, 4],
        ("pairs of entities", ""): [pd.NA, 6, pd.NA, 1, 7],
        ("pairs without a relation", ""): [pd.NA, 4, pd.NA, 1, 5],
        ("No relation, 15% of these pairs", "none"): [1975, 1, pd.NA, 0, 1],
    }


def test_types_stand_as_in_the_paper_and_then_by_number():
    items = [item for item, _ in lines(corpus_statistics({"train": [TRAIN]}))]
    assert items[2:5] == ["Degree", "Location", "Odd"]


def test_the_embedded_corpus_has_the_papers_numbers():
    found = lines(corpus_statistics(load_splits(DataOptions(data_dir="angiography"))))
    assert {name: found[name, ""][-1] for name in ENTITIES} == ENTITIES
    assert {key: found[key[0], DIRECTIONS[key[1]]][-1] for key in RELATIONS} == RELATIONS


def test_one_file_is_split(tmp_path):
    path = tmp_path / "all.jsonl"
    text = [json.dumps({"id": f"s{n}", "text": "甲", "entities": [], "relations": []}) + "\n" for n in range(10)]
    path.write_text("".join(text), encoding="utf-8")
    splits = load_splits(DataOptions(train_data=str(path)))
    assert {name: len(sentences) for name, sentences in splits.items()} == {"train": 8, "dev": 1, "test": 1}


def test_no_corpus_is_an_error():
    with pytest.raises(StrtfError, match="--train_data .or --data_dir. must name a corpus"):
        load_splits(DataOptions())
