"""Neighbouring records of a corpus as one text, a line each, so that the tagger reads what stands around a sentence."""

import re
from collections.abc import Iterable

from strtf.data.documents import shown
from strtf.errors import DataError, StrtfError
from strtf.schema import Entity, Relation, Sentence


def join_records(sentences: Iterable[Sentence], pattern: str, most_characters: int) -> list[Sentence]:
    """Records in a row that belong to one document, put together.

    A joined record has the id of its first; ids of entities and relations begin with the number of their line.

    Args:
        pattern: a regular expression that matches whole ids; the first group names the document.
        most_characters: of a joined text. A record that is longer stays alone.

    Raises:
        StrtfError: the pattern is no regular expression, or has no group.
        DataError: an id that it does not match.
    """
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise StrtfError(f"--join must be a regular expression. Received: {pattern}: {error}. Correct it.") from error
    if not compiled.groups:
        raise StrtfError(
            f"--join must have a group that names the document. Received: {pattern}. Put parentheses around that part."
        )
    joined, document, parts = [], None, []
    for sentence in sentences:
        name = _document(sentence, compiled)
        length = sum(len(part.text) + 1 for part in parts) + len(sentence.text)
        if parts and (name != document or length > most_characters):
            joined.append(_as_lines(parts))
            parts = []
        document = name
        parts.append(sentence)
    return [*joined, _as_lines(parts)] if parts else joined


def _document(sentence: Sentence, pattern: re.Pattern) -> str:
    match = pattern.fullmatch(sentence.id)
    if match is None or match[1] is None:
        raise DataError(
            sentence.source or sentence.id,
            f"id must match --join={pattern.pattern}. Received: {shown(sentence.id)}. Correct one of the two.",
        )
    return match[1]


def _as_lines(parts: list[Sentence]) -> Sentence:
    texts, entities, relations, offset = [], [], [], 0
    for number, part in enumerate(parts, start=1):
        texts.append(part.text)
        entities += [Entity(f"{number}.{e.id}", e.start + offset, e.end + offset, e.type) for e in part.entities]
        relations += [Relation(f"{number}.{r.head}", f"{number}.{r.tail}", r.type) for r in part.relations]
        offset += len(part.text) + 1
    return Sentence(parts[0].id, "\n".join(texts), tuple(entities), tuple(relations), parts[0].source)
