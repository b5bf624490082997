"""Score a run on a split: python -m strtf.evaluate --run_dir=runs/x --split=test [--json=FILE] [--html=FILE]"""

from absl import flags

from strtf.flags import CORPUS_OPTIONS, EXTRACTION_OPTIONS, define_run_dir, define_run_options, given_options, run

define_run_dir("A run of `python -m strtf.train`.")
define_run_options(*EXTRACTION_OPTIONS, *CORPUS_OPTIONS)
flags.DEFINE_enum("split", "test", ["train", "dev", "test"], "Which split; files as in training unless given anew.")
flags.DEFINE_string("json", None, "Also write the scores to this file.")
flags.DEFINE_string("html", None, "Also write a page that shows each error in its text. It holds the split's texts.")
flags.DEFINE_boolean(
    "seen_mentions", False,
    "Score entities apart whose words and type the training split has, and those that are new. Reads that split.",
)  # fmt: skip


def main() -> None:
    from strtf.evaluation.run import evaluate_run
    from strtf.run_dir import RunDir

    FLAGS = flags.FLAGS
    outputs = (FLAGS.json, FLAGS.html)
    print(evaluate_run(RunDir(FLAGS.run_dir), FLAGS.split, given_options(), *outputs, FLAGS.seen_mentions))


if __name__ == "__main__":
    run(main)
