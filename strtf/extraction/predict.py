"""Documents in, JSON Lines out: what `python -m strtf.predict` does.

The output is the native corpus format with probabilities, so it can be read back as a corpus.
"""

import contextlib
import itertools
import sys
from collections.abc import Iterator
from typing import TextIO

from strtf.data.corpus import json_line
from strtf.data.documents import Document, read_documents
from strtf.errors import StrtfError
from strtf.extraction.cost import announce, extraction_cost
from strtf.extraction.extractor import Extraction, Extractor
from strtf.extraction.load import load_extractor
from strtf.progress import progress
from strtf.run_dir import RunDir, check_writable, replacing

DOCUMENTS_AT_ONCE = 256  # enough to sort by length, few enough to stream


def predict_run(run_dir: RunDir, source: str, target: str, given: dict[str, dict], style: str = "jsonl") -> None:
    """Extracts from every document of `source` ("-": standard input) to `target` ("-": standard output).

    A file appears under its name only when it is complete.

    Args:
        given: options that replace the run's, see `Experiment.override`.
        style: one of STYLES: a line of JSON per document, or a listing for people.
    """
    experiment = run_dir.require().read_experiment().override(given)
    if target != "-":
        check_writable(target)
    documents = read_documents(source)
    # a file that cannot be read shows before the model is loaded; nobody needs to type before it is
    first = [] if source == "-" else list(itertools.islice(documents, 1))
    extractor = load_extractor(run_dir, experiment)
    documents = itertools.chain(first, documents)
    chunk = list(itertools.islice(documents, DOCUMENTS_AT_ONCE))
    announce(extractor, extraction_cost(extractor, [document.text for document in chunk]), "First documents")
    # where people read the output itself, a bar would only run into it
    reading = target == "-" and (style == "triples" or (sys.stdout is not None and sys.stdout.isatty()))
    with _output(target) as output, progress(None, "predict", "doc", hidden=reading) as bar:
        while chunk:
            for record in predict_records(extractor, chunk):
                output.write(STYLES[style](record))
            bar.update(len(chunk))
            chunk = list(itertools.islice(documents, DOCUMENTS_AT_ONCE))


def predict_records(extractor: Extractor, documents: list[Document]) -> Iterator[dict]:
    """One record per document, in order."""
    extractions = extractor.extract([document.text for document in documents])
    for document, extraction in zip(documents, extractions, strict=True):
        yield extraction_record(document, extraction)


def extraction_record(document: Document, extraction: Extraction) -> dict:
    """An extraction in the native format; probabilities rounded to 4 digits."""
    entities = [
        {
            "id": entity.id,
            "start": entity.start,
            "end": entity.end,
            "type": entity.type,
            "text": document.text[entity.start : entity.end],
            "probability": round(probability, 4),
        }
        for entity, probability in zip(extraction.entities, extraction.entity_probabilities, strict=True)
    ]
    relations = [
        {"head": relation.head, "tail": relation.tail, "type": relation.type, "probability": round(probability, 4)}
        for relation, probability in zip(extraction.relations, extraction.relation_probabilities, strict=True)
    ]
    return {"id": document.id, "text": document.text, "entities": entities, "relations": relations}


def as_triples(record: dict) -> str:
    """The text, its entities, and its relations as head → tail, each with its probability."""
    # the offsets tell apart entities of the same words
    names = {e["id"]: f"{e['text']}[{e['start']}:{e['end']}]" for e in record["entities"]}
    lines = [record["text"]]
    lines += [
        f"  {e['type']}: {e['text']} [{e['start']}:{e['end']}] {e['probability']:.2f}" for e in record["entities"]
    ]
    lines += [
        f"  {r['type']}({names[r['head']]} → {names[r['tail']]}) {r['probability']:.2f}" for r in record["relations"]
    ]
    return "\n".join(lines) + "\n"


STYLES = {"jsonl": json_line, "triples": as_triples}


@contextlib.contextmanager
def _output(target: str) -> Iterator[TextIO]:
    if target == "-":
        if sys.stdout is None:  # the shell closed it (`>&-`)
            raise StrtfError("--output must name a file where standard output is closed. Received: -.")
        sys.stdout.reconfigure(encoding="utf-8")
        yield sys.stdout
        sys.stdout.flush()
        return
    with replacing(target) as partial, open(partial, "w", encoding="utf-8", newline="\n") as file:
        yield file
