"""An export's check of itself: what was written, run by TensorFlow alone, against the extractor in memory."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import numpy as np

from strtf.config import ModelOptions, PairScope
from strtf.errors import StrtfError
from strtf.extraction.extractor import Extraction, Extractor
from strtf.serving import bare_run
from strtf.serving.signatures import TEXT

TOLERANCE = 1e-5  # of a probability
BATCH = 16
# Never part of a corpus: nothing, one character, no entity, characters beyond the BMP, marks, controls, white space.
EDGE_CASES = ("", "左", "。", "😀左前降支😀", "e\u0301\u200d\ufeff", "\x00\t\r\n", "　 ", "ＡＢＣ，（70％）")


def check_texts(sentences: Sequence[str], options: ModelOptions) -> list[str]:
    """Sentences, texts that need several windows, edge cases; texts of several lines where lines matter."""
    max_tokens = options.max_tokens
    joined = "".join(sentences) or "左前降支近段管壁不规则。"
    long = joined * (3 * max_tokens // len(joined) + 1)
    texts = [*sentences, long[: 3 * max_tokens], long[: max_tokens + 1].replace("。", "左"), *EDGE_CASES]
    if options.pair_scope is PairScope.LINE:
        texts += ["\n".join(sentences[start : start + 3]) for start in range(0, min(len(sentences), 30), 3)]
    return texts


def check_export(model_dir: pathlib.Path, extractor: Extractor, texts: Sequence[str], signatures) -> float:
    """Runs both on the texts.

    Args:
        signatures: names of those that were saved.

    Returns:
        The largest difference of a probability.

    Raises:
        StrtfError: the export does not run, or answers differently.
    """
    # in the batches that the export gets: what else is in a batch moves the last digits
    expected = [extraction for batch in _batches(texts) for extraction in extractor.extract(batch)]
    documents = [extractor.featurizer.tokenize(text) for text in texts]
    alone = [number for number, document in enumerate(documents) if len(document.windows) == 1]
    columns = {"token_ids": [extractor.featurizer.window_ids(documents[n], documents[n].windows[0]) for n in alone]}
    if extractor.featurizer.pair_scope is not PairScope.TEXT:
        columns["scopes"] = [np.pad(documents[n].scopes, 1) for n in alone]
    batches = [{name: _lists(rows[part]) for name, rows in columns.items()} for part in _parts(len(alone))]
    # the empty batch too
    batches.append({name: [] for name in columns})
    inputs = {"texts": [*_batches(texts), []] if TEXT in signatures else [], "token_ids": batches}
    found = _run_bare(model_dir, inputs)
    wanted = [_as_answer(extraction) for extraction in expected]
    worst = _compare(found["texts"], wanted, "text") if TEXT in signatures else 0.0
    from_ids = [
        _with_offsets(answer, documents[n].encoding, extractor.featurizer.schema)
        for n, answer in zip(alone, found["token_ids"], strict=True)
    ]
    return max(worst, _compare(from_ids, [wanted[n] for n in alone], "token_ids"))


def _batches(items: Sequence) -> list[Sequence]:
    return [list(items[part]) for part in _parts(len(items))]


def _parts(number: int) -> list[slice]:
    return [slice(start, start + BATCH) for start in range(0, number, BATCH)]


def _lists(rows: Sequence[np.ndarray]) -> list[list[int]]:
    return [row.tolist() for row in rows]


def _run_bare(model_dir: pathlib.Path, inputs: dict) -> dict:
    with tempfile.TemporaryDirectory() as directory:
        given, made = pathlib.Path(directory) / "inputs.json", pathlib.Path(directory) / "outputs.json"
        given.write_text(json.dumps(inputs), encoding="utf-8")
        # -I: neither this package nor the user's environment can be seen
        command = [sys.executable, "-I", bare_run.__file__, str(model_dir), str(given), str(made)]
        quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            raise StrtfError(
                "The exported model must run with TensorFlow alone. Received: "
                f"{_last_line(done.stderr)}. Nothing was exported; please report this."
            )
        return json.loads(made.read_text(encoding="utf-8"))


def _last_line(output: str) -> str:
    """The line that names the error, without what it may quote of the texts."""
    lines = [line for line in output.splitlines() if line.strip()]
    return (lines[-1] if lines else "no message").split(":")[0]


def _as_answer(extraction: Extraction) -> dict:
    index = {entity.id: number for number, entity in enumerate(extraction.entities)}
    return {
        "entities": [
            [entity.start, entity.end, entity.type, p]
            for entity, p in zip(extraction.entities, extraction.entity_probabilities, strict=True)
        ],
        "relations": [
            [index[relation.head], index[relation.tail], relation.type, p]
            for relation, p in zip(extraction.relations, extraction.relation_probabilities, strict=True)
        ],
    }


def _with_offsets(answer: dict, encoding, schema) -> dict:
    """An answer in token positions and label numbers, in characters and names."""
    entities = [
        [*encoding.char_span(first - 1, last - 1), schema.entity_types[kind], p]
        for first, last, kind, p in answer["entities"]
    ]
    relations = []
    for first, second, label, p in answer["relations"]:
        relation_class = schema.relation_classes[label - 1]
        ends = (first, second) if relation_class.direction.name == "FORWARD" else (second, first)
        relations.append([*ends, relation_class.type, p])
    return {"entities": entities, "relations": relations}


def _compare(found: Sequence[dict], wanted: Sequence[dict], signature: str) -> float:
    """The largest difference of a probability; raises where anything else differs."""
    worst = 0.0
    for number, (ours, theirs) in enumerate(zip(found, wanted, strict=True), start=1):
        for kind in ("entities", "relations"):
            if [item[:-1] for item in ours[kind]] != [item[:-1] for item in theirs[kind]]:
                raise _differs(f"other {kind} in text {number} of {len(wanted)} through {signature}")
            pairs = zip(ours[kind], theirs[kind], strict=True)
            worst = float(np.max([worst, *(abs(mine[-1] - its[-1]) for mine, its in pairs)]))  # NaN stays
    if not worst <= TOLERANCE:
        raise _differs(f"probabilities that differ by {worst:.1e} through {signature}, of {TOLERANCE:g} at most")
    return worst


def _differs(what: str) -> StrtfError:
    return StrtfError(
        f"The exported model must answer as the model in memory does. Received: {what}. "
        "Nothing was exported; please report this."
    )
