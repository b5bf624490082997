"""Results of rows that nobody trained."""

import numpy as np
import pytest

from strtf.config import DataOptions, Experiment, TrainingOptions
from strtf.evaluation.scores import COUNTS, Score
from strtf.run_dir import write_json


@pytest.fixture
def result(tmp_path):
    """result("table/row", seed, {score: [(gold, predicted, correct) of each sentence]}, …): writes a record."""

    def make(row, seed, scores, corpus="reports", rules=(), **training):
        options = {"data": DataOptions(data_dir=corpus), "training": TrainingOptions(seed=seed, **training)}
        record = {"row": row, "seed": seed, "experiment": Experiment(**options).to_json(), "per_sentence": {}}
        for name, counts in scores.items():
            record[name] = Score(*map(int, np.sum(counts, axis=0))).to_json()
            record["per_sentence"][name] = dict(zip(COUNTS, np.transpose(counts).tolist(), strict=True))
        record |= {name: Score(*counts).to_json() for name, counts in dict(rules).items()}
        path = tmp_path / corpus / f"{row}-seed{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, record)
        return path

    return make
