"""Train a joint model: python -m strtf.train --flagfile=exp.flags --run_dir=runs/x [--resume]"""

import sys

from absl import flags

from strtf.flags import GROUPS, define_options, define_run_dir, experiment_from_flags, run

define_options(*GROUPS.values())
define_run_dir("Where the run's weights, checkpoints, scores and TensorBoard files go.")
flags.DEFINE_boolean("resume", False, "Continue the run in --run_dir from its last checkpoint.")


def main() -> None:
    from strtf.run_dir import RunDir
    from strtf.training.train import train

    experiment = experiment_from_flags()
    run_dir = RunDir(flags.FLAGS.run_dir)
    try:
        state = train(experiment, run_dir, flags.FLAGS.resume)
    except KeyboardInterrupt:
        if run_dir.checkpoint.exists():
            print("What was trained is kept; the same command with --resume goes on.", file=sys.stderr)
        raise
    if "dev_f1" in state.history[-1]:
        score = f"{experiment.training.select_by} F1 on the development split {100 * state.best_f1:.2f}"
        print(f"Best epoch {state.best_epoch} of {state.epoch}: {score}.")
    else:
        print(f"No development split: the weights are those of the last epoch, {state.epoch}.")
    print(f"Weights in {run_dir.path}. Score them on the test split with")
    print(f"python -m strtf.evaluate --run_dir={run_dir.path} --split=test")


if __name__ == "__main__":
    run(main)
