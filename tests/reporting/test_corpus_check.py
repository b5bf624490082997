"""`python -m strtf.check`: the report of a small corpus whose numbers are known."""

import json

import pytest

from strtf.config import DataOptions, Experiment, ModelOptions
from strtf.errors import StrtfError
from strtf.reporting.corpus_check import check_corpus

ROWS = {
    "train": [("左前降支近段", [(0, 4, "A"), (4, 6, "B")], [(0, 1)])] * 4
    + [("左前降支\n狭窄", [(0, 4, "A"), (5, 7, "B")], [])],
    "test": [("左前降支近段", [(0, 4, "A"), (2, 4, "B")], [(0, 1)]), ("见左前降支", [], [])],
}


@pytest.fixture
def corpus(tmp_path):
    for split, rows in ROWS.items():
        lines = []
        for number, (text, spans, relations) in enumerate(rows):
            entities = [{"id": f"e{i}", "start": s, "end": e, "type": t} for i, (s, e, t) in enumerate(spans)]
            related = [{"head": f"e{h}", "tail": f"e{t}", "type": "R"} for h, t in relations]
            record = {"id": f"{split}-{number}", "text": text, "entities": entities, "relations": related}
            lines.append(json.dumps(record, ensure_ascii=False))
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


@pytest.fixture
def checked(corpus, tiny_encoder_dir):
    """checked(doubts_path, options of the model): the report."""

    def check(doubts_path="", **model):
        model = ModelOptions(encoder=str(tiny_encoder_dir), **model)
        return check_corpus(Experiment(data=DataOptions(data_dir=str(corpus)), model=model), doubts_path)

    return check


def row(report, name):
    return next(line for line in report.splitlines() if line.startswith(name)).removeprefix(name).split()


def test_sizes(checked):
    report = checked()
    assert row(report, "texts") == ["5", "2"]
    assert row(report, "characters") == ["31", "11"]
    assert row(report, "longest text") == ["7", "6"]
    assert row(report, "entities") == ["10", "2"]
    assert row(report, "candidate pairs") == ["5", "0"]


def test_what_is_lost_and_what_would_hold_it(checked):
    report = checked()
    assert "  train: nothing" in report
    assert "  test: 1 overlapping entities, 1 relations of such an entity" in report
    assert "--tag_layers" not in report  # the training split loses nothing


def test_pruning(checked):
    report = checked()
    assert "Candidate pairs of train: 5\n" in report
    assert "  --pair_scope=line: 4, and no annotated relations fewer" in report
    assert "seen_types" not in report  # it would save nothing


def test_splits_that_share_texts_and_words(checked):
    report = checked()
    assert "1 of 2 texts of test stand word for word in train." in report
    assert "50% of the entities of test occur in train" in report


def test_doubts_are_counted_and_their_words_go_to_a_file_alone(checked, tmp_path):
    report = checked(str(tmp_path / "doubts.jsonl"))
    assert "2 places are no entity, 0 have another type" in report and "左" not in report
    [_, line] = (tmp_path / "doubts.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {
        "split": "test", "id": "test-1", "start": 1, "end": 5, "text": "左前降支", "annotated": None, "expected": "A",
        "times": 6, "places": 7,
    }  # fmt: skip


def test_a_corpus_alone(corpus, tiny_encoder_dir):
    data = DataOptions(test_data=str(corpus / "test.jsonl"))
    report = check_corpus(Experiment(data=data, model=ModelOptions(encoder=str(tiny_encoder_dir))))
    assert row(report, "texts") == ["2"] and "  test with --tag_layers=2: 0 in all, instead of 2" in report


def test_no_corpus():
    with pytest.raises(StrtfError, match="must name a corpus"):
        check_corpus(Experiment())


@pytest.mark.parametrize("where", ["train.jsonl", "link"])
def test_doubts_never_replace_the_corpus(checked, corpus, where):
    (corpus / "link").symlink_to(corpus / "train.jsonl")
    before = (corpus / "train.jsonl").read_bytes()
    with pytest.raises(StrtfError, match="--doubts must be another place than what is read"):
        checked(str(corpus / where))
    assert (corpus / "train.jsonl").read_bytes() == before


@pytest.mark.parametrize(("spans", "missing"), [([], "entities"), ([(0, 2, "A")], "relations")])
def test_what_training_would_refuse(tmp_path, tiny_encoder_dir, spans, missing):
    entities = [{"id": f"e{i}", "start": s, "end": e, "type": t} for i, (s, e, t) in enumerate(spans)]
    path = tmp_path / "all.jsonl"
    path.write_text("".join(f'{{"text": "狭窄", "entities": {json.dumps(entities)}}}\n' for _ in range(10)), "utf-8")
    experiment = Experiment(DataOptions(train_data=str(path)), ModelOptions(encoder=str(tiny_encoder_dir)))
    with pytest.raises(StrtfError, match=f"--train_data must annotate {missing}"):
        check_corpus(experiment)


def test_the_sentences_that_training_would_take(corpus, tiny_encoder_dir):
    data = DataOptions(data_dir=str(corpus), max_train_sentences=2)
    report = check_corpus(Experiment(data, ModelOptions(encoder=str(tiny_encoder_dir))))
    assert row(report, "texts") == ["2", "2"]
