"""A trained run as a function of texts."""

import json
import subprocess
import sys

import pytest

import strtf
from strtf.errors import StrtfError
from strtf.extraction.predict import predict_run
from strtf.run_dir import RunDir

TEXTS = ["左主干可见狭窄约30%。", "", "前降支近段：狭窄", "  ", "右冠血流"]


@pytest.fixture(scope="module")
def pipeline(random_run):
    return strtf.load(random_run.path)


def test_finds_what_predict_finds(pipeline, random_run, tmp_path):
    (tmp_path / "in.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    predict_run(random_run, str(tmp_path / "in.txt"), str(tmp_path / "out.jsonl"), {})
    found, lines = pipeline(TEXTS), (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    for ours, theirs in zip(found, map(json.loads, lines), strict=True):
        assert [(e["start"], e["end"], e["type"], e["text"]) for e in ours["entities"]] == [
            (e["start"], e["end"], e["type"], e["text"]) for e in theirs["entities"]
        ]
        assert [r["type"] for r in ours["relations"]] == [r["type"] for r in theirs["relations"]]
    assert [record["id"] for record in found] == ["1", "2", "3", "4", "5"]
    assert sum(len(record["relations"]) for record in found) > 0


def test_one_text_is_one_record(pipeline):
    assert pipeline(TEXTS[0])["text"] == TEXTS[0]
    assert pipeline(tuple(TEXTS[:1])) == [pipeline(TEXTS[0])]
    assert pipeline([]) == []


def test_types(pipeline, random_run):
    schema = RunDir(random_run.path).read_schema()
    assert (pipeline.entity_types, pipeline.relation_types) == (schema.entity_types, schema.relation_types)


def test_precision(random_run):
    assert strtf.load(random_run.path, "mixed_bfloat16").extractor.model.compute_dtype == "bfloat16"


def test_mistakes(pipeline, random_run, tmp_path):
    with pytest.raises(StrtfError, match="must hold a run"):
        strtf.load(tmp_path / "no")
    with pytest.raises(StrtfError, match="precision"):
        strtf.load(random_run.path, "float8")


@pytest.mark.parametrize(
    ("texts", "received"),
    [
        (["a", 1], "int, at 1 of"),
        ({"text": "a"}, "dict"),
        (b"a", "bytes"),
        (None, "NoneType"),
        (["a\ud83d"], "half a surrogate pair, at 0"),
    ],
)
def test_what_is_no_text(pipeline, texts, received):
    with pytest.raises(StrtfError, match=f"^Texts must be .*Received: {received}"):
        pipeline(texts)


def test_importing_brings_no_backend():
    code = "import strtf, sys; sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
