"""Regenerates the corpus, byte for byte: `python -m strtf.data.angiography.generate --out_dir=DIR`."""

import argparse
import json
import pathlib
from collections.abc import Sequence
from random import Random

import numpy as np

from strtf.data.angiography.asides import aside
from strtf.data.angiography.selection import counts_of, select
from strtf.data.angiography.statements import write_report
from strtf.schema import Sentence

SEED = 5
POOL_SIZE = 8000
NUM_REPORTS = 181
NUM_ASIDES = 5  # sentences without entities
MOST_ENTITIES = 26
HELD_OUT = {"dev": 19, "test": 19}


def corpus(seed: int = SEED) -> dict[str, list[Sentence]]:
    """Sentences of each split; ids are given when they are written."""
    rng = Random(seed)
    sentences = select(_pool(rng), NUM_REPORTS, rng) + _asides(rng)
    return _split(sentences, rng)


def write(out_dir: pathlib.Path) -> None:
    """Writes train.jsonl, dev.jsonl and test.jsonl, UTF-8, one sentence a line."""
    out_dir.mkdir(parents=True, exist_ok=True)
    for split, sentences in corpus().items():
        lines = [
            json.dumps(_record(s, f"angio-{split}-{i:04}"), ensure_ascii=False) for i, s in enumerate(sentences, 1)
        ]
        (out_dir / f"{split}.jsonl").write_bytes("".join(f"{line}\n" for line in lines).encode())


def _pool(rng: Random) -> list[Sentence]:
    """Different texts, none too long."""
    pool: dict[str, Sentence] = {}
    while len(pool) < POOL_SIZE:
        sentence = write_report(rng)
        if len(sentence.entities) <= MOST_ENTITIES:
            pool.setdefault(sentence.text, sentence)
    return list(pool.values())


def _asides(rng: Random) -> list[Sentence]:
    texts: dict[str, None] = {}
    while len(texts) < NUM_ASIDES:
        texts.setdefault(f"{aside(rng)}。")
    return [Sentence("", text) for text in texts]


def _split(sentences: Sequence[Sentence], rng: Random, attempts: int = 3000) -> dict[str, list[Sentence]]:
    """8:1:1 by sentence: of many random splits the one whose counts are nearest to a tenth of the whole's."""
    counts = np.array([list(counts_of(sentence).values()) for sentence in sentences], np.int64)  # [sentences, counts]
    total = counts.sum(axis=0)
    best: tuple[int, list[int]] | None = None
    for _ in range(attempts):
        order = rng.sample(range(len(sentences)), sum(HELD_OUT.values()))
        dev, test = order[: HELD_OUT["dev"]], order[HELD_OUT["dev"] :]
        # Integers throughout: parts per 100,000 by which a count is off a tenth of its total.
        errors = [np.abs(counts[part].sum(axis=0) * 10 - total) * 10_000 // total for part in (dev, test)]
        worst = int(np.max(errors))
        if best is None or worst < best[0]:
            best = worst, order
    dev, test = best[1][: HELD_OUT["dev"]], best[1][HELD_OUT["dev"] :]
    train = sorted(set(range(len(sentences))) - set(best[1]))
    rng.shuffle(train)
    return {split: [sentences[i] for i in part] for split, part in (("train", train), ("dev", dev), ("test", test))}


def _record(sentence: Sentence, sentence_id: str) -> dict:
    return {
        "id": sentence_id,
        "text": sentence.text,
        "entities": [{"id": e.id, "start": e.start, "end": e.end, "type": e.type} for e in sentence.entities],
        "relations": [{"head": r.head, "tail": r.tail, "type": r.type} for r in sentence.relations],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out_dir", type=pathlib.Path, required=True, help="folder for the three JSONL files")
    write(parser.parse_args().out_dir)


if __name__ == "__main__":
    main()
