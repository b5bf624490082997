"""Turn an annotated corpus into another format: python -m strtf.convert --input=found.jsonl --output=for_brat

Read is whatever training reads (JSON Lines, the authors' JSON, a directory of brat's), and what `strtf.predict` wrote,
to be corrected in brat. An output that ends in .jsonl is JSON Lines, and so is standard output (-); any other is a
directory for brat.
"""

from absl import flags

from strtf.flags import run

flags.DEFINE_string("input", None, "The corpus: a file, a directory of .txt and .ann files; - is standard input.",
                    required=True)  # fmt: skip
flags.DEFINE_string("output", None, "A .jsonl file, or a directory that is not there yet; - is standard output.",
                    required=True)  # fmt: skip
flags.DEFINE_boolean("overwrite", False, "Replace a .jsonl file that is there already.")


def main() -> None:
    from strtf.data.convert import convert

    convert(flags.FLAGS.input, flags.FLAGS.output, flags.FLAGS.overwrite)


if __name__ == "__main__":
    run(main, backend=False)
