"""Look at a corpus before training on it: python -m strtf.check --data_dir=DIR [--doubts=FILE]

Takes the flags of strtf.train and its flag files, and tells what a training with them would be shown: sizes, what tags
cannot hold, how many pairs there are, texts that stand in two splits, and words that are annotated in one place and
not in another.
"""

from absl import flags

from strtf.flags import GROUPS, define_options, define_training_only, experiment_from_flags, run

LISTED = (
    "data_dir", "train_data", "dev_data", "test_data", "schema", "overlaps", "encoder", "tokenization", "lowercase",
    "max_tokens", "window_overlap", "tag_layers", "pair_filter", "pair_scope",
)  # fmt: skip
define_options(*GROUPS.values(), listed=LISTED)
define_training_only()
flags.DEFINE_string("doubts", "", "Write the places that are annotated otherwise than their words are elsewhere to "
                    "this file, JSON Lines. It holds words of the texts.")  # fmt: skip


def main() -> None:
    from strtf.reporting.corpus_check import check_corpus

    print(check_corpus(experiment_from_flags(), flags.FLAGS.doubts))


if __name__ == "__main__":
    run(main)
