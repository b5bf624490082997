"""What was found in a document, as a record of the native format or as a listing for people."""

from strtf.data.corpus import json_line
from strtf.data.documents import Document
from strtf.extraction.extractor import Extraction


def extraction_record(document: Document, extraction: Extraction) -> dict:
    """An extraction in the native format, behind the document's other fields; probabilities rounded to 4 digits."""
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
    return document.others | {
        "id": document.id,
        "text": document.text,
        "entities": entities,
        "relations": relations,
    }


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
