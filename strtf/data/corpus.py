"""Annotated corpora: reading, writing, and the counts of the paper's Table I.

The native format is JSON Lines in UTF-8, one sentence a line:
`{"id", "text", "entities": [{"id", "start", "end", "type"}], "relations": [{"head", "tail", "type"}]}`,
offsets in characters (code points), `end` exclusive. An entity's `text` may be there too, as `strtf.predict` writes it,
and is held against its offsets; other keys are not read. A file whose first character is "[" is read as the array
of the paper's authors (see `authors_json`), a directory as brat's (see `brat`).
"""

import collections
import dataclasses
import hashlib
import itertools
import json
import logging
import math
import os
import pathlib
import sys
from collections.abc import Iterable, Iterator, Sequence

from strtf.data import authors_json, brat
from strtf.data.documents import (
    IDENTIFIER,
    INTEGER,
    LIST,
    OBJECT,
    STRING,
    Source,
    checked,
    document_from_json,
    field,
    id_prefix,
    numbered_lines,
    parse_object,
    shown,
    source_name,
)
from strtf.errors import DataError, StrtfError
from strtf.run_dir import replacing
from strtf.schema import Entity, Relation, RelationClass, Sentence, direction_of

_LOG = logging.getLogger(__name__)
# What reading mends, and how the log says how often.
_TRIMMED = "left out the white space at the ends of {} entities"
_SAME_ENTITY = "merged {} entities that have the place and type of another"
_JOINS_ONE = "left out {} relations of two such entities"
_SAME_RELATION = "merged {} exact duplicates of relations"
# Legal inside a line of JSON, but other readers may break lines there.
_ESCAPED = {ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}


def read_corpus(path: Source) -> list[Sentence]:
    """Reads annotated sentences, in the order of the file.

    A sentence without an id is `<file stem>-<n>`, n counting sentences from 1. Entities of one place and type are
    one, as are exact duplicates of a relation; white space at the ends of an entity is left out of it. How many there
    were is logged; so is the first record that has neither list, but keys of another format.

    Raises:
        DataError: the file cannot be read, is not UTF-8 or JSON, holds no sentence, or one that is not as the
            module's docstring says. The message begins with `path:line:`.
    """
    name, prefix = source_name(path), id_prefix(path)
    sentences, seen, mended, unread = [], {}, collections.Counter(), None
    for where, record in _records(path, name):
        unread = unread or _unread_keys(record, where)
        sentence = _sentence(record, where, f"{prefix}-{len(sentences) + 1}", mended)
        if sentence.id in seen:
            raise DataError(
                where, f"id must be unique. Received: {shown(sentence.id)}, as at {seen[sentence.id]}. Change one."
            )
        seen[sentence.id] = where
        sentences.append(sentence)
    if not sentences:
        raise DataError(
            f"{name}:1", "the file must hold a sentence. Received: no record. Correct the path or the file."
        )
    for what, times in (+mended).items():
        _LOG.warning("%s: %s.", name, what.format(times))
    if unread:
        _LOG.warning(unread)
    return sentences


def _unread_keys(record: dict, where: str) -> str | None:
    """A warning where what may be annotations stands under other keys than ours."""
    others = [key for key in record if key not in ("id", "text")]
    if not others or "entities" in record or "relations" in record:
        return None
    names = ", ".join(map(shown, others[:10])) + (", …" if len(others) > 10 else "")
    return f"{where}: neither entities nor relations, but keys that are not read: {names}."


def _records(path: Source, name: str) -> Iterator[tuple[str, dict]]:
    if isinstance(path, str | os.PathLike) and os.path.isdir(path):
        yield from brat.native_records(pathlib.Path(path))
        return
    lines = numbered_lines(path)
    filled = ((number, line) for number, line in lines if line.strip())
    first = list(itertools.islice(filled, 1))
    if first and first[0][1].lstrip().startswith("["):
        [(number, line)] = first
        text = "\n" * (number - 1) + "\n".join([line, *(later for _, later in lines)])
        yield from authors_json.native_records(text, name)
        return
    for number, line in itertools.chain(first, filled):
        yield f"{name}:{number}", parse_object(line, f"{name}:{number}")


def _sentence(record: dict, where: str, default_id: str, mended: collections.Counter) -> Sentence:
    """The sentence of a record; what is mended in it is counted."""
    document = document_from_json(record, where, default_id)
    rows = field(record, "entities", LIST, where) if "entities" in record else []
    entities = {}
    for n, row in enumerate(rows):
        entity = _entity(row, f"entities[{n}]", document.text, where)
        if entity.id in entities:
            raise DataError(
                where,
                f"entities[{n}].id must be unique in its sentence. Received: {shown(entity.id)}. Change one.",
            )
        entities[entity.id] = entity
    mended[_TRIMMED] += sum(
        entity.span != (row["start"], row["end"]) for entity, row in zip(entities.values(), rows, strict=True)
    )
    first: dict[tuple, Entity] = {}  # of each place and type
    same = {entity.id: first.setdefault((entity.span, entity.type), entity).id for entity in entities.values()}
    mended[_SAME_ENTITY] += len(entities) - len(first)
    rows = field(record, "relations", LIST, where) if "relations" in record else []
    found = [_relation(row, f"relations[{n}]", entities, where) for n, row in enumerate(rows)]
    moved = [Relation(same[r.head], same[r.tail], r.type) for r in found]
    joining = [relation for relation in moved if relation.head != relation.tail]
    relations = dict.fromkeys(joining)
    mended[_JOINS_ONE] += len(moved) - len(joining)
    mended[_SAME_RELATION] += len(joining) - len(relations)
    return Sentence(document.id, document.text, tuple(first.values()), tuple(relations), where)


def _entity(row: dict, name: str, text: str, where: str) -> Entity:
    checked(row, OBJECT, name, where)
    entity = Entity(
        str(field(row, "id", IDENTIFIER, where, f"{name}.")),
        field(row, "start", INTEGER, where, f"{name}."),
        field(row, "end", INTEGER, where, f"{name}."),
        _type(row, name, where),
    )
    received = f"Received: start {entity.start}, end {entity.end}. Correct the offsets"
    if entity.end <= entity.start:
        raise DataError(where, f"{name} must end after its start (ends are exclusive). {received}.")
    if entity.start < 0 or entity.end > len(text):
        raise DataError(where, f"{name} must lie in its text of {len(text)} characters. {received}.")
    if "text" in row and field(row, "text", STRING, where, f"{name}.") != text[entity.start : entity.end]:
        raise DataError(
            where,
            f"{name}.text must be what stands at its offsets, which count code points. {received}, or {name}.text.",
        )
    return _trimmed(entity, text, name, where)


def _trimmed(entity: Entity, text: str, name: str, where: str) -> Entity:
    """The entity without the white space at its ends, which the tagger never makes part of one."""
    words = text[entity.start : entity.end]
    start, end = entity.end - len(words.lstrip()), entity.start + len(words.rstrip())
    if start >= end:
        raise DataError(
            where,
            f"{name} must hold more than white space. Received: start {entity.start}, end {entity.end}. "
            "Correct the offsets, or remove it.",
        )
    return dataclasses.replace(entity, start=start, end=end)


def _relation(row: dict, name: str, entities: dict[str, Entity], where: str) -> Relation:
    checked(row, OBJECT, name, where)
    head, tail = (str(field(row, key, IDENTIFIER, where, f"{name}.")) for key in ("head", "tail"))
    for entity_id in (head, tail):
        if entity_id not in entities:
            known = ", ".join(map(shown, itertools.islice(entities, 10))) or "none"
            known += ", …" if len(entities) > 10 else ""
            raise DataError(
                where,
                f"{name} must join entities of its sentence. Received: id {shown(entity_id)}. Known ids: {known}. "
                "Correct the relation.",
            )
    if head == tail:
        raise DataError(where, f"{name} must join two entities. Received: {shown(head)} twice. Correct or remove it.")
    return Relation(head, tail, _type(row, name, where))


def _type(row: dict, name: str, where: str) -> str:
    type_ = field(row, "type", STRING, where, f"{name}.")
    if not type_:
        raise DataError(where, f"{name}.type must not be empty. Received: an empty string. Name the type.")
    return type_


def write_corpus(path: str | os.PathLike, sentences: Iterable[Sentence]) -> None:
    """Writes the native format; the file appears whole or not at all.

    Args:
        path: the file; "-" is standard output.

    Raises:
        StrtfError: no file can be written there, or standard output is closed.
    """
    if path == "-":
        if sys.stdout is None:  # the shell closed it (`>&-`)
            raise StrtfError("--output must name a file where standard output is closed. Received: -.")
        sys.stdout.buffer.writelines(_native_line(sentence).encode("utf-8") for sentence in sentences)
        sys.stdout.buffer.flush()
        return
    with replacing(path) as partial, open(partial, "w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(map(_native_line, sentences))


def fingerprint(sentences: Sequence[Sentence]) -> dict:
    """What tells one corpus from another: {"sentences": int, "sha256": hex digest of their native lines, in order}."""
    lines = "".join(map(_native_line, sentences)).encode("utf-8", errors="surrogatepass")
    return {"sentences": len(sentences), "sha256": hashlib.sha256(lines).hexdigest()}


def _native_line(sentence: Sentence) -> str:
    record = dataclasses.asdict(sentence)
    del record["source"]
    return json_line(record)


def json_line(record: dict) -> str:
    """A record as a line of JSON Lines, whatever the reader takes for the end of a line."""
    return json.dumps(record, ensure_ascii=False).translate(_ESCAPED) + "\n"


def statistics(sentences: Iterable[Sentence]) -> dict:
    """Counts as in Table I of the paper.

    Returns:
        {"sentences": int, "entity_types": {name: int}, "relation_classes": {RelationClass: int},
        "unrelated_pairs": int}, types and classes sorted. An unrelated pair is a candidate pair of entities
        without a relation either way.
    """
    entity_types, classes = collections.Counter(), collections.Counter()
    num_sentences = unrelated = 0
    for sentence in sentences:
        num_sentences += 1
        entities = {entity.id: entity for entity in sentence.entities}
        entity_types.update(entity.type for entity in sentence.entities)
        classes.update(
            RelationClass(relation.type, direction_of(entities[relation.head], entities[relation.tail]))
            for relation in sentence.relations
        )
        related = {frozenset((r.head, r.tail)) for r in sentence.relations if r.head != r.tail}
        unrelated += math.comb(len(entities), 2) - len(related)
    return {
        "sentences": num_sentences,
        "entity_types": dict(sorted(entity_types.items())),
        "relation_classes": dict(sorted(classes.items(), key=lambda item: (item[0].type, item[0].direction))),
        "unrelated_pairs": unrelated,
    }
