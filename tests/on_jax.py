"""A user's day on JAX where TensorFlow is not installed: python -m tests.on_jax ENCODER_DIR CORPUS_DIR OUTPUT_DIR

Trains, trains the same with an interruption and resumes, evaluates, predicts.
"""

import os
import pathlib
import sys


def without_tensorflow() -> None:
    """To be called before anything is imported: whoever asks for TensorFlow then meets an ImportError."""
    os.environ["KERAS_BACKEND"] = "jax"
    sys.modules["tensorflow"] = None


def interrupt(steps: int) -> None:
    """The step after so many raises KeyboardInterrupt, once."""
    from strtf.training.jax_step import JaxStep

    plain, left = JaxStep.__call__, steps

    def counted(self, batch):
        nonlocal left
        left -= 1
        if left < 0:
            JaxStep.__call__ = plain
            raise KeyboardInterrupt
        return plain(self, batch)

    JaxStep.__call__ = counted


def main(encoder_dir: str, corpus_dir: str, output: pathlib.Path) -> None:
    from strtf.config import DataOptions, Experiment, ModelOptions, TrainingOptions
    from strtf.evaluation.run import evaluate_run
    from strtf.extraction.predict import predict_run
    from strtf.run_dir import RunDir
    from strtf.training.train import train

    every = {"ema_decay": 0.9, "fgm_epsilon": 0.5, "rdrop_weight": 1.0, "boundary_negatives": 0.5}

    def options(**training):
        return Experiment(
            data=DataOptions(data_dir=corpus_dir, max_dev_sentences=4),
            model=ModelOptions(encoder=encoder_dir, num_task_blocks=1, max_tokens=48),
            training=TrainingOptions(
                epochs=2, batch_size=4, learning_rate=1e-3, head_learning_rate=3e-3, **every, **training
            ),
        )

    run_dir = RunDir(output / "whole")
    train(options(), run_dir)
    experiment, interrupted = options(checkpoint_steps=2), RunDir(output / "interrupted")
    interrupt(9)  # of 6 steps an epoch
    try:
        train(experiment, interrupted)
    except KeyboardInterrupt:
        train(experiment, interrupted, resume=True)
    (output / "table.txt").write_text(evaluate_run(run_dir, "test", {}, str(output / "scores.json")), encoding="utf-8")
    predict_run(run_dir, f"{corpus_dir}/test.jsonl", str(output / "found.jsonl"), {})


if __name__ == "__main__":
    without_tensorflow()
    main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))
