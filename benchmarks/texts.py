"""Made-up annotated texts: random Chinese characters, entities of given size at even distances."""

import numpy as np

from benchmarks.models import ENTITY_TYPES
from benchmarks.synthetic import entity_spans
from strtf.schema import Entity, Relation, Sentence

CHARACTERS = (0x4E00, 0x9000)  # most are in Google's Chinese vocabulary


def made_up_sentences(count: int, length: int, entities: int, size: int, seed: int = 0) -> list[Sentence]:
    """Sentences of `length` tokens, [CLS] and [SEP] included; of the two types in turn; the first two related."""
    rng = np.random.default_rng(seed)
    spans = entity_spans(length, entities, size) - 1  # characters: [CLS] is none
    annotation = tuple(
        Entity(f"e{n}", int(start), int(end), ENTITY_TYPES[n % 2]) for n, (start, end) in enumerate(spans)
    )
    relations = (Relation("e0", "e1", "relation 0"),) if entities > 1 else ()
    return [
        Sentence(f"s{n}", "".join(map(chr, rng.integers(*CHARACTERS, length - 2))), annotation, relations)
        for n in range(count)
    ]
