"""Places of a corpus that are annotated otherwise than their words are elsewhere: gaps and slips, perhaps.

Words that nearly always are an entity of one type make the few other places worth a look: there they are no entity, or
one of another type. What stands there may be right; a corpus that contradicts itself teaches a model to guess.
"""

import collections
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from strtf.schema import Entity, Sentence

LEAST_SHARE = 0.8  # of the places of these words that are annotated alike
LEAST_PLACES = 3  # that are
SHORTEST = 2  # characters: shorter words stand within others everywhere


class Doubt(NamedTuple):
    """A place that is annotated otherwise than most of those with its words.

    Attributes:
        split, id: of its text.
        start, end: in characters.
        text: the words.
        annotated: its type here; None: no entity.
        expected: the type that most places have; times: how many have it; places: how many there are.
    """

    split: str
    id: str
    start: int
    end: int
    text: str
    annotated: str | None
    expected: str
    times: int
    places: int


def find_doubts(splits: Mapping[str, Sequence[Sentence]]) -> list[Doubt]:
    """The doubtful places of all splits, in the order of the corpus; what is usual is learned from all of them."""
    sentences = [(split, sentence) for split, each in splits.items() for sentence in each]
    types = _types_of_words(sentence for _, sentence in sentences)
    lengths = sorted({len(words) for words in types}, reverse=True)
    found = [(split, sentence, place) for split, sentence in sentences for place in _places(sentence, types, lengths)]
    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    for _, sentence, (start, end, type_) in found:
        counts[sentence.text[start:end]][type_] += 1
    usual = {words: kind for words, kinds in counts.items() if (kind := _usual(kinds))}
    doubts = []
    for split, sentence, (start, end, type_) in found:
        words = sentence.text[start:end]
        if words in usual and type_ != usual[words]:
            times, places = counts[words][usual[words]], counts[words].total()
            doubts.append(Doubt(split, sentence.id, start, end, words, type_, usual[words], times, places))
    return doubts


def repeated_texts(splits: Mapping[str, Sequence[Sentence]]) -> dict[tuple[str, str], int]:
    """{(split, other split): texts of the former that stand word for word in the latter, which comes before it}."""
    names, counts = list(splits), {}
    texts = {name: {sentence.text for sentence in splits[name]} for name in names}
    for number, name in enumerate(names):
        for other in names[:number]:
            counts[name, other] = sum(sentence.text in texts[other] for sentence in splits[name])
    return counts


def _types_of_words(sentences: Iterable[Sentence]) -> set[str]:
    words = (sentence.text[e.start : e.end] for sentence in sentences for e in sentence.entities)
    return {each for each in words if len(each) >= SHORTEST}


def _usual(kinds: collections.Counter) -> str | None:
    kind, times = kinds.most_common(1)[0]
    return kind if times >= LEAST_PLACES and times >= LEAST_SHARE * kinds.total() else None


def _places(sentence: Sentence, words: set[str], lengths: Sequence[int]) -> Iterator[tuple[int, int, str | None]]:
    """(start, end, type) of entities with known words, and (start, end, None) of such words that touch no entity."""
    entities = [e for e in sentence.entities if sentence.text[e.start : e.end] in words]
    yield from ((e.start, e.end, e.type) for e in entities)
    text, free = sentence.text, _free(sentence.text, sentence.entities)
    start = 0
    while start < len(text):
        ends = (start + length for length in lengths if start + length <= len(text)) if free[start] else ()
        known = (end for end in ends if text[start:end] in words and all(free[start:end]) and _whole(text, start, end))
        end = next(known, None)
        if end:
            yield start, end, None
        start = end or start + 1


def _free(text: str, entities: Iterable[Entity]) -> list[bool]:
    """Of each character whether it lies in no entity."""
    free = [True] * len(text)
    for entity in entities:
        free[entity.start : entity.end] = [False] * (entity.end - entity.start)
    return free


def _whole(text: str, start: int, end: int) -> bool:
    """Whether no word of letters, or number, goes on beyond either end."""
    return not any(_joins(text[i - 1], text[i]) for i in (start, end) if 0 < i < len(text))


def _joins(left: str, right: str) -> bool:
    return all(map(_of_spaced_words, (left, right)))


def _of_spaced_words(char: str) -> bool:
    """A letter, with its marks, or a digit; none of Chinese, Japanese or Korean, which are wide."""
    narrow = unicodedata.east_asian_width(char) not in "WF"
    return narrow and bool(char.isalpha() or char.isdecimal() or unicodedata.combining(char))
