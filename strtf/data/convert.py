"""An annotated corpus in another format; the rules of `python -m strtf.convert`."""

import os
import pathlib
import re

from strtf.data.brat import write_brat
from strtf.data.corpus import read_corpus, write_corpus
from strtf.data.join import join_records
from strtf.errors import StrtfError
from strtf.run_dir import check_apart


def convert(source: str, output: str, overwrite: bool = False, join: str = "", join_characters: int = 0) -> None:
    """Reads a corpus and writes it as JSON Lines (NAME.jsonl, or "-", standard output), else as a directory for brat.

    Args:
        join, join_characters: where `join` is not empty, records are put together, see `join_records`.

    Raises:
        StrtfError: an output that is the input, is there already, or is named like another kind of file; a corpus that
            cannot be read, or written.
    """
    is_native = output == "-" or output.endswith(".jsonl")
    if output != "-":
        _check_output(source, output, is_native, overwrite)
    sentences = read_corpus(source)
    sentences = join_records(sentences, join, join_characters) if join else sentences
    (write_corpus if is_native else write_brat)(output, sentences)
    if output != "-":  # which holds the corpus and nothing else
        entities, relations = sum(len(s.entities) for s in sentences), sum(len(s.relations) for s in sentences)
        print(f"{len(sentences)} texts, {entities} entities, {relations} relations: {output}")


def _check_output(source: str, output: str, is_native: bool, overwrite: bool) -> None:
    if source != "-":
        check_apart("--output", output, [source])
    if is_native and os.path.exists(output) and not overwrite:
        raise StrtfError(f"{output} must not exist yet. Received: a place that does. Choose another, or --overwrite.")
    if not is_native and os.path.exists(output) and overwrite:
        raise StrtfError(
            f"{output} must not exist yet: --overwrite replaces a .jsonl file, never a directory. "
            "Received: a place that does. Remove it, or choose another."
        )
    suffix = pathlib.Path(output).suffix
    if not is_native and not output.endswith("/") and re.fullmatch(r"\.[A-Za-z]{1,5}", suffix):
        raise StrtfError(
            f"--output must end in .jsonl, or name a directory. Received: {output}. Choose another, or end it with /."
        )
