"""Documents in, JSON Lines out."""

import dataclasses
import io
import json
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.config import Experiment, Tokenization
from strtf.data.corpus import json_line, read_corpus
from strtf.data.documents import Document
from strtf.errors import DataError, StrtfError
from strtf.extraction import predict
from strtf.extraction.extractor import Extraction, Extractor
from strtf.extraction.load import make_extractor, make_featurizer
from strtf.extraction.predict import predict_run
from strtf.extraction.records import extraction_record
from strtf.run_dir import RunDir
from strtf.schema import Entity, Relation

TEXTS = ["左主干可见狭窄约30%。", "", "前降支近段：狭窄", "  ", "右冠😀\u2028血流"]


@pytest.fixture
def stub_run(tmp_path, monkeypatch, stub_extractor):
    """A run directory whose extractor is the stub; short documents of a file are extracted two at a time."""
    weights = tmp_path.parent / f"{tmp_path.name}.weights"
    weights.write_bytes(b"of the stub")
    run = types.SimpleNamespace(require=lambda: run, read_experiment=Experiment, weights=weights)
    monkeypatch.setattr(predict, "load_extractor", lambda *_: stub_extractor())
    monkeypatch.setattr(predict, "GROUP_SIZE", predict.LEAST_SIZE + 10)
    return run


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def names(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_of_output_are_those_of_the_input(stub_run, tmp_path, form):
    source, target = tmp_path / "in", tmp_path / "out.jsonl"
    lines = TEXTS if form == "text" else [json.dumps({"id": f"r{i}", "text": text}) for i, text in enumerate(TEXTS)]
    source.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    predict_run(stub_run, str(source), str(target), {})
    found = records(target)
    assert [record["text"] for record in found] == TEXTS
    assert [record["id"] for record in found] == [f"in-{i}" if form == "text" else f"r{i - 1}" for i in range(1, 6)]


def test_real_output_reads_back_as_a_corpus(random_run, tmp_path):
    source, target = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("\n".join(TEXTS), encoding="utf-8")
    predict_run(random_run, str(source), str(target), {})
    sentences, found = read_corpus(target), records(target)
    assert [sentence.text for sentence in sentences] == TEXTS
    assert sum(len(sentence.entities) for sentence in sentences) > 5
    assert sum(len(sentence.relations) for sentence in sentences) > 0
    for sentence, record in zip(sentences, found, strict=True):
        assert [e["text"] for e in record["entities"]] == [sentence.text[e.start : e.end] for e in sentence.entities]
        parts = (*record["entities"], *record["relations"])
        assert all(0.0 <= part["probability"] <= 1.0 for part in parts)
    assert names(tmp_path) == ["in.txt", "out.jsonl"]


def test_no_record_of_the_output_breaks_into_lines(stub_run, tmp_path):
    source, target = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("a\u2028b\x85c\u2029d\n", encoding="utf-8")
    predict_run(stub_run, str(source), str(target), {})
    [line] = target.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["text"] == "a\u2028b\x85c\u2029d"


# Traditional characters, full-width digits, joined emoji, combining marks, right to left, controls, line separators,
# compatibility forms, letters whose lower case is longer, words for the vocabulary.
PIECES = [
    *("左主干", "狭窄", "30%，", "前後壁", "體積", "０９Ａ％", "👩\u200d⚕\ufe0f", "🇨🇳", "e\u0301\u0323", "\u0301"),
    *("שלום", "\u202eab\u202c", "\0", "\x1b", "\u2028", "\x85", "\r", " ", "\t", "\u3000", "\ufeff", "\ufffd"),
    *("\uffff", "\U0010ffff", "ﬃ", "㎎", "İ", "ß", "가", "ᄀ", "[SEP]", "##a", " stenosis ", "."),
]


@pytest.fixture(scope="module")
def extractors(random_experiment, random_model, random_extractor, vocabulary):
    """The model with random weights behind each tokenization."""
    model = dataclasses.replace(random_experiment.model, tokenization=Tokenization.WORDPIECE)
    experiment = dataclasses.replace(random_experiment, model=model)
    featurizer = make_featurizer(experiment, random_extractor.featurizer.schema, vocabulary)
    wordpiece = make_extractor(experiment, random_model, featurizer)
    return {Tokenization.CHARACTER: random_extractor, Tokenization.WORDPIECE: wordpiece}


@pytest.mark.parametrize("tokenization", Tokenization)
@settings(deadline=None, max_examples=40)
@given(
    texts=st.lists(
        st.one_of(
            st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_offsets_of_any_text_reproduce_the_surface(extractors, tokenization, texts):
    documents = [Document(str(i), text) for i, text in enumerate(texts)]
    extractions = extractors[tokenization].extract(texts)
    records = [extraction_record(*pair) for pair in zip(documents, extractions, strict=True)]
    found = [json.loads(json_line(record)) for record in records]
    assert [(record["id"], record["text"]) for record in found] == [(d.id, d.text) for d in documents]
    for record in found:
        ends = [0, *(entity["end"] for entity in record["entities"])]
        for entity, last in zip(record["entities"], ends, strict=False):  # in text order, none over another
            assert last <= entity["start"] < entity["end"] <= len(record["text"])
            assert entity["text"] == record["text"][entity["start"] : entity["end"]]
        ids = [entity["id"] for entity in record["entities"]]
        assert len(set(ids)) == len(ids)
        assert all({r["head"], r["tail"]} <= set(ids) and r["head"] != r["tail"] for r in record["relations"])


def test_a_record_holds_what_was_found():
    document = Document("d", "左主干狭窄")
    entities = (Entity("e1", 0, 3, "Body Part"), Entity("e2", 3, 5, "Degree"))
    extraction = Extraction(entities, (0.98765, 1.0), (Relation("e2", "e1", "Modifier"),), (0.5,))
    assert extraction_record(document, extraction) == {
        "id": "d",
        "text": "左主干狭窄",
        "entities": [
            {"id": "e1", "start": 0, "end": 3, "type": "Body Part", "text": "左主干", "probability": 0.9877},
            {"id": "e2", "start": 3, "end": 5, "type": "Degree", "text": "狭窄", "probability": 1.0},
        ],
        "relations": [{"head": "e2", "tail": "e1", "type": "Modifier", "probability": 0.5}],
    }


def test_other_fields_go_along(stub_run, tmp_path):
    """What the input says of entities is not one of them."""
    record = {"case": {"number": 7}, "id": "r", "text": "a", "entities": [{"x": 1}], "seen": None}
    (tmp_path / "in.jsonl").write_text(json.dumps(record) + "\n")
    predict_run(stub_run, str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"), {})
    found = json.loads((tmp_path / "out.jsonl").read_text())
    assert (found["case"], found["seen"], found["id"]) == ({"number": 7}, None, "r")
    assert [entity["text"] for entity in found["entities"]] == ["a"]


def test_a_listing_for_people(stub_run, tmp_path):
    (tmp_path / "in.txt").write_text("左a，b\n", encoding="utf-8")
    predict_run(stub_run, str(tmp_path / "in.txt"), str(tmp_path / "out.txt"), {}, style="triples")
    listing = (tmp_path / "out.txt").read_text(encoding="utf-8").splitlines()
    assert listing[0] == "左a，b"
    assert [line.strip() for line in listing[1:]] == [
        "Body Part: a [1:2] 1.00",
        "Degree: b [3:4] 1.00",
        "Modifier(b[3:4] → a[1:2]) 0.95",
    ]


def test_standard_input_and_output(stub_run, monkeypatch, capsysbinary):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("左a\nb".encode()), encoding="ascii"))
    predict_run(stub_run, "-", "-", {})
    found = [json.loads(line) for line in capsysbinary.readouterr().out.decode("utf-8").splitlines()]
    assert [(record["id"], record["text"]) for record in found] == [("line-1", "左a"), ("line-2", "b")]


def test_the_file_appears_only_when_it_is_complete(stub_run, tmp_path, monkeypatch):
    source, target = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("a\n" * 6)
    seen = []

    def watched(self, documents, made=Extractor.extract_tokenized):
        seen.append(target.exists())
        return made(self, documents)

    monkeypatch.setattr(Extractor, "extract_tokenized", watched)
    predict_run(stub_run, str(source), str(target), {})
    assert seen == [False] * 3
    assert len(records(target)) == 6
    assert names(tmp_path) == ["in.txt", "out.jsonl"]


@pytest.mark.parametrize("old", [None, "what was there\n"])
def test_an_error_half_way_leaves_nothing_new(stub_run, tmp_path, old):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "a"}\n{"text": 5}\n')
    if old:
        target.write_text(old)
    with pytest.raises(DataError, match=r"in\.jsonl:2: text must be a string"):
        predict_run(stub_run, str(source), str(target), {})
    assert (target.read_text() if target.exists() else None) == old
    assert not [name for name in names(tmp_path) if name.endswith(".partial")]


def test_a_missing_input_leaves_nothing(stub_run, tmp_path):
    with pytest.raises(DataError, match=r"none\.txt:1: the file must be readable"):
        predict_run(stub_run, str(tmp_path / "none.txt"), str(tmp_path / "out.jsonl"), {})
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("none.txt", "out.jsonl", "none.txt:1: the file must be readable"),
        ("in.txt", "none/out.jsonl", "'none/out.jsonl' must be a file that can be written"),
        ("in.txt", "./in.txt", "--output must be another file than --input. Received: ./in.txt"),
        ("in.txt", "", "'' must be a file that can be written. Received: a directory"),
    ],
)
def test_paths_are_looked_at_before_the_model_is_loaded(stub_run, tmp_path, monkeypatch, source, target, message):
    (tmp_path / "in.txt").write_text("a\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predict, "load_extractor", lambda *_: pytest.fail("the model is loaded"))
    with pytest.raises(StrtfError) as caught:
        predict_run(stub_run, source, target, {})
    assert str(caught.value).startswith(message)
    assert names(tmp_path) == ["in.txt"]


def test_standard_output_that_is_closed(stub_run, tmp_path, monkeypatch):
    (tmp_path / "in.txt").write_text("a\n")
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(StrtfError, match="--output must name a file where standard output is closed"):
        predict_run(stub_run, str(tmp_path / "in.txt"), "-", {})


def test_an_empty_input_makes_an_empty_output(stub_run, tmp_path):
    (tmp_path / "in.txt").write_text("")
    predict_run(stub_run, str(tmp_path / "in.txt"), str(tmp_path / "out.jsonl"), {})
    assert (tmp_path / "out.jsonl").read_text() == ""


def test_a_missing_run(tmp_path):
    with pytest.raises(StrtfError, match="--run_dir must hold a run"):
        predict_run(RunDir(tmp_path / "none"), "-", "-", {})


def test_options_that_the_weights_do_not_fit(random_run):
    with pytest.raises(StrtfError, match=r"--num_task_blocks: 2 against 3"):
        predict_run(random_run, "-", "-", {"model": {"num_task_blocks": 3}})


def test_a_directory_with_a_bad_file(stub_run, tmp_path):
    directory, target, rejects = tmp_path / "reports", tmp_path / "out.jsonl", tmp_path / "bad.jsonl"
    directory.mkdir()
    (directory / "a.txt").write_text("左a\n右b", encoding="utf-8")
    (directory / "b.txt").write_bytes(b"\xff")
    predict_run(stub_run, str(directory), str(target), {}, rejects=str(rejects))
    [found] = records(target)
    assert (found["id"], found["text"]) == ("a", "左a\n右b")
    assert [(e["start"], e["end"]) for e in found["entities"]] == [(1, 2), (4, 5)]
    [bad] = records(rejects)
    assert bad["file"] == str(directory / "b.txt") and bad["reason"].startswith("the file must be UTF-8")


def test_an_output_that_would_become_an_input(stub_run, tmp_path):
    (tmp_path / "a.txt").write_text("左a", encoding="utf-8")
    with pytest.raises(StrtfError, match=r"--output must not become one of the \.txt files"):
        predict_run(stub_run, str(tmp_path), str(tmp_path / "found.txt"), {})
