"""Turn an annotated corpus into another format: python -m strtf.convert --input=found.jsonl --output=for_brat

Read is whatever training reads (JSON Lines, the authors' JSON, a directory of brat's), and what `strtf.predict` wrote,
to be corrected in brat. An output that ends in .jsonl is JSON Lines, and so is standard output (-); any other is a
directory for brat.
"""

from absl import flags

from strtf.errors import StrtfError
from strtf.flags import run

flags.DEFINE_string("input", None, "The corpus: a file, a directory of .txt and .ann files; - is standard input.",
                    required=True)  # fmt: skip
flags.DEFINE_string("output", None, "A .jsonl file, or a directory that is not there yet; - is standard output.",
                    required=True)  # fmt: skip
flags.DEFINE_boolean("overwrite", False, "Replace a .jsonl file that is there already.")
flags.DEFINE_string("join", "", "A regular expression for whole ids, its first group the document's name: records of a "
                    "document in a row become one text, a line each (to train with --pair_scope=line).")  # fmt: skip
flags.DEFINE_integer("join_characters", 256, "The longest text that --join makes.", lower_bound=1)


def main() -> None:
    from strtf.data.convert import convert

    FLAGS = flags.FLAGS
    if FLAGS["join_characters"].present and not FLAGS.join:
        raise StrtfError("--join_characters must stand beside --join. Received: no --join. Give both, or neither.")
    convert(FLAGS.input, FLAGS.output, FLAGS.overwrite, FLAGS.join, FLAGS.join_characters)


if __name__ == "__main__":
    run(main, backend=False)
