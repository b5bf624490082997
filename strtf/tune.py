"""Choose a run's thresholds anew: python -m strtf.tune --run_dir=runs/x [--dev_data=FILE]

Training chooses them on its development split. A site whose reports differ gets thresholds of its own from some
annotated ones, without training. The run's weights file is replaced whole; the weights in it stay.
"""

from strtf.flags import (
    COMPUTING_OPTIONS,
    CORPUS_OPTIONS,
    DECISION_OPTIONS,
    define_run_dir,
    define_run_options,
    given_options,
    run,
)

define_run_dir("A run of `python -m strtf.train`.")
define_run_options(*CORPUS_OPTIONS, *DECISION_OPTIONS, *COMPUTING_OPTIONS)


def main() -> None:
    from absl import flags

    from strtf.evaluation.run import tune_run
    from strtf.run_dir import RunDir

    print(tune_run(RunDir(flags.FLAGS.run_dir), given_options()))


if __name__ == "__main__":
    run(main)
