"""Mentions, an entity's words with its type: those that training showed and the others are hard in different ways.

A system can learn the first by heart; for the others it has nothing but their form and what stands around them.
Augenstein et al. 2017 (arXiv 1701.02877) call them seen and unseen.
"""

from collections.abc import Iterable, Sequence

from strtf.schema import Sentence


def known_mentions(sentences: Iterable[Sentence]) -> frozenset[tuple[str, str]]:
    """(words, type) of all entities."""
    return frozenset((s.text[entity.start : entity.end], entity.type) for s in sentences for entity in s.entities)


def of_mentions(items: Sequence[set], sentences: Sequence[Sentence], known: frozenset, seen: bool) -> list[set]:
    """Of each sentence's (start, end, type) those whose mention is known, or with `seen=False` the others."""
    return [
        {item for item in of_sentence if ((sentence.text[item[0] : item[1]], item[2]) in known) is seen}
        for of_sentence, sentence in zip(items, sentences, strict=True)
    ]
