"""Print the paper's tables beside ours: python -m strtf.tables --runs=experiments/results/angiography"""

from absl import flags

from strtf.config import DataOptions
from strtf.flags import TABLE_OPTIONS, define_options, options_from_flags, run

flags.DEFINE_string("runs", None, "Results of `python -m experiments.run`, of one corpus or several: tables II to VI.")
flags.DEFINE_enum("format", "markdown", ["markdown", "latex", "csv"], "How the tables are written.")
flags.DEFINE_string("figure", None, "Also draw K × mask, table V, into this PNG file.")
flags.DEFINE_string("learning_curves", None, "Also draw the rows' development F1 over the epochs into this PNG file.")
flags.DEFINE_string("output", "-", "File for the tables; - is standard output.")
define_options(DataOptions, names=TABLE_OPTIONS)  # the corpus of table I


def main() -> None:
    from strtf.reporting.report import report, write_report
    from strtf.run_dir import check_writable

    FLAGS = flags.FLAGS
    if FLAGS.output != "-":
        check_writable(FLAGS.output)
    text = report(FLAGS.runs, options_from_flags(DataOptions), FLAGS.format, FLAGS.figure, FLAGS.learning_curves)
    write_report(text, FLAGS.output)


if __name__ == "__main__":
    run(main, backend=False)
