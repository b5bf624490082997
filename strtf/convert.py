"""Turn an annotated corpus into another format: python -m strtf.convert --input=found.jsonl --output=for_brat

Read is whatever training reads (JSON Lines, the authors' JSON, a directory of brat's), and what `strtf.predict` wrote,
to be corrected in brat. An output that ends in .jsonl is JSON Lines, and so is standard output (-); any other is a
directory for brat.
"""

import os
import pathlib
import re

from absl import flags

from strtf.errors import StrtfError
from strtf.flags import run

flags.DEFINE_string("input", None, "The corpus: a file, a directory of .txt and .ann files; - is standard input.",
                    required=True)  # fmt: skip
flags.DEFINE_string("output", None, "A .jsonl file, or a directory that is not there yet; - is standard output.",
                    required=True)  # fmt: skip
flags.DEFINE_boolean("overwrite", False, "Replace a .jsonl file that is there already.")


def main() -> None:
    from strtf.data.brat import write_brat
    from strtf.data.corpus import read_corpus, write_corpus

    source, output = flags.FLAGS.input, flags.FLAGS.output
    is_native = output == "-" or output.endswith(".jsonl")
    if output != "-":
        _check_output(source, output, is_native)
    sentences = read_corpus(source)
    (write_corpus if is_native else write_brat)(output, sentences)
    if output != "-":  # which holds the corpus and nothing else
        entities, relations = sum(len(s.entities) for s in sentences), sum(len(s.relations) for s in sentences)
        print(f"{len(sentences)} texts, {entities} entities, {relations} relations: {output}")


def _check_output(source: str, output: str, is_native: bool) -> None:
    """Raises StrtfError where something would be lost, or a directory get the name of a file."""
    if os.path.exists(source) and os.path.exists(output) and os.path.samefile(source, output):
        raise StrtfError(f"--output must be another place than --input. Received: {output} twice. Choose another.")
    if is_native and os.path.exists(output) and not flags.FLAGS.overwrite:
        raise StrtfError(f"{output} must not exist yet. Received: a place that does. Choose another, or --overwrite.")
    suffix = pathlib.Path(output).suffix
    if not is_native and not output.endswith("/") and re.fullmatch(r"\.[A-Za-z]{1,5}", suffix):
        raise StrtfError(
            f"--output must end in .jsonl, or name a directory. Received: {output}. Choose another, or end it with /."
        )


if __name__ == "__main__":
    run(main, backend=False)
