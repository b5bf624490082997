"""Extract from new documents: python -m strtf.predict --run_dir=runs/x --input=FILE|DIR|- --output=FILE|-"""

from absl import flags

from strtf.flags import EXTRACTION_OPTIONS, define_run_dir, define_run_options, given_options, run

define_run_dir("A run of `python -m strtf.train`.")
define_run_options(*EXTRACTION_OPTIONS, "jit_compile")
flags.DEFINE_string("input", "-", "Plain text, one document a line; JSON Lines with 'text'; or a directory of .txt "
                    "files, a document each. - is standard input.")  # fmt: skip
flags.DEFINE_string("output", "-", "JSON Lines with entities and relations; - is standard output.")
flags.DEFINE_enum("format", "jsonl", ["jsonl", "triples"], "jsonl: the native format; triples: a listing to read.")
flags.DEFINE_string("rejects", "", "File for lines, or files, that hold no document (no JSON, no text, no UTF-8): "
                    "place and reason of each; the run goes on. Without it the first ends the run.")  # fmt: skip
flags.DEFINE_boolean("resume", False, "Go on where an interrupted run stopped; from the start where there was none.")


def main() -> None:
    from strtf.extraction.predict import predict_run
    from strtf.run_dir import RunDir

    FLAGS = flags.FLAGS
    paths = FLAGS.input, FLAGS.output
    predict_run(RunDir(FLAGS.run_dir), *paths, given_options(), FLAGS.format, FLAGS.rejects, FLAGS.resume)


if __name__ == "__main__":
    run(main)
