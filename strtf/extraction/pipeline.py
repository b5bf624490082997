"""The Python interface: a trained run as a function of texts. `strtf.load` makes one."""

import os
from collections.abc import Iterable, Mapping, Sequence

from strtf.data.documents import Document
from strtf.errors import StrtfError
from strtf.extraction.extractor import Extractor
from strtf.extraction.load import load_extractor
from strtf.extraction.records import extraction_record
from strtf.run_dir import RunDir


class Pipeline:
    """Texts to entities and relations.

    Args:
        extractor: what does the work.

    Attributes:
        entity_types, relation_types: names of what it finds, sorted.
    """

    def __init__(self, extractor: Extractor):
        self.extractor = extractor
        schema = extractor.featurizer.schema
        self.entity_types, self.relation_types = schema.entity_types, schema.relation_types

    def __call__(self, texts: str | Sequence[str]) -> dict | list[dict]:
        """Extracts from one text or from several, of any length. Several at once are faster than one by one.

        Returns:
            of one text, a record as `python -m strtf.predict` writes it: `{"id", "text", "entities": [{"id", "start",
            "end", "type", "text", "probability"}], "relations": [{"head", "tail", "type", "probability"}]}`, offsets in
            characters; of several a list of them, in order, with ids "1", "2", ….

        Raises:
            StrtfError: something else than texts, or a run that finds no entities (`--tasks=rc`).
        """
        given = _as_list(texts)
        documents = [Document(str(number), text) for number, text in enumerate(given, start=1)]
        records = [*map(extraction_record, documents, self.extractor.extract(given))]
        return records[0] if isinstance(texts, str) else records


def load_pipeline(run_dir: str | os.PathLike, precision: str | None = None) -> Pipeline:
    """A run of `python -m strtf.train`, with its best weights and its thresholds.

    Args:
        precision: `float32`, `mixed_bfloat16` or `mixed_float16`; the run's own where None.

    Raises:
        StrtfError: no run with trained weights is there, or a precision that is none.
    """
    run = RunDir(run_dir).require()
    given = {"training": {"precision": precision}} if precision else {}
    return Pipeline(load_extractor(run, run.read_experiment().override(given)))


def _as_list(texts) -> list[str]:
    given = [texts] if isinstance(texts, str) else texts
    if not isinstance(given, Iterable) or isinstance(given, Mapping | bytes | bytearray):
        raise StrtfError(f"Texts must be strings, one or a list of them. Received: {type(texts).__name__}.")
    given = list(given)
    for number, text in enumerate(given):
        if not isinstance(text, str):
            raise StrtfError(f"Texts must be strings. Received: {type(text).__name__}, at {number} of the list.")
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise StrtfError(
                f"Texts must be Unicode. Received: half a surrogate pair, at {number} of the list. Decode it anew."
            )
    return given
