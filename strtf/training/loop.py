"""The training loop: epochs of steps, development scores, the best weights, checkpoints."""

import contextlib
import json
import math
import time
from collections.abc import Iterator, Sequence

from strtf.config import Experiment
from strtf.data.batches import Batch, TrainingBatches
from strtf.data.documents import shown
from strtf.errors import StrtfError
from strtf.evaluation.evaluate import evaluate
from strtf.evaluation.threshold import tune_decision
from strtf.extraction.extractor import Extractor
from strtf.extraction.read_ahead import ReadAhead
from strtf.models.build import named_values
from strtf.progress import progress
from strtf.run_dir import RunDir, replacing, write_tensors
from strtf.schema import Sentence
from strtf.training.averaging import averaged_weights
from strtf.training.state import TrainingState
from strtf.training.summaries import Summaries

SUMMARY_STEPS = 10
BATCHES_AHEAD = 2


class Trainer:
    """Trains a model.

    Args:
        experiment: options.
        run_dir: where checkpoints, weights and history go.
        extractor: holds the model; scores the development split.
        step: callable batch -> metrics that updates model and optimizer.
        optimizer: its variables are checkpointed.
        batches: of the training split.
        dev: development sentences; without any, the last epoch counts as the best.
    """

    def __init__(self, experiment: Experiment, run_dir: RunDir, extractor: Extractor, step, optimizer,
                 batches: TrainingBatches, dev: Sequence[Sentence]):  # fmt: skip
        self.options = experiment.training
        self.run_dir = run_dir
        self.extractor = extractor
        self.model = extractor.model
        self.step = step
        self.optimizer = optimizer
        self.batches = batches
        self.dev = dev
        self.state = TrainingState()

    def restore(self) -> None:
        self.state = TrainingState.restore(self.run_dir, self.model, self.optimizer)

    @property
    def finished(self) -> bool:
        patience = self.options.patience
        waited = self.state.epoch - self.state.best_epoch
        return self.state.epoch >= self.options.epochs or bool(patience and self.dev and waited >= patience)

    def fit(self) -> TrainingState:
        """Runs all epochs that are left."""
        with Summaries(self.run_dir.tensorboard, self._global_step + 1) as summaries:
            while not self.finished:
                record = self._epoch(summaries)
                with self._averaged():
                    record |= self._development_scores(summaries)
                    self._keep_if_best(record)
                self._finish_epoch(record)
        return self.state

    # ------------------------------------------------------------------ one epoch
    def _epoch(self, summaries: Summaries) -> dict:
        state, steps = self.state, self.batches.steps_per_epoch
        started, first_step, examples = time.perf_counter(), state.step_in_epoch, 0
        title = f"epoch {state.epoch + 1}/{self.options.epochs}"
        with progress(steps, title, "step", initial=first_step) as bar:
            for ids, batch in self._read_ahead(first_step):
                metrics = self.step(batch)
                self._check_finite(metrics, ids)
                state.step_in_epoch += 1
                for name in metrics:
                    if name.startswith("loss"):
                        state.loss_sums[name] = state.loss_sums.get(name, 0.0) + metrics[name]
                bar.update()
                bar.set_postfix_str(f"loss {metrics['loss']:.3f}", refresh=False)
                examples += len(ids)
                self._after_step(summaries, metrics, examples / (time.perf_counter() - started))
        seconds = time.perf_counter() - started
        means = {name: total / steps for name, total in state.loss_sums.items()}
        return {"epoch": state.epoch + 1, **means, "seconds": round(seconds, 1)}

    def _read_ahead(self, first_step: int) -> Iterator[tuple[list[str], Batch]]:
        """The epoch's batches, made by a thread while the step waits for the device."""
        batches = self.batches.epoch(self.state.epoch, first_step)
        with contextlib.closing(ReadAhead(batches, lambda _: 1, BATCHES_AHEAD)) as ahead:
            yield from iter(ahead.take, None)

    @property
    def _global_step(self) -> int:
        """Steps taken so far."""
        return self.state.epoch * self.batches.steps_per_epoch + self.state.step_in_epoch

    def _after_step(self, summaries: Summaries, metrics: dict, examples_per_second: float) -> None:
        state, global_step = self.state, self._global_step
        if global_step % SUMMARY_STEPS == 0 or state.step_in_epoch == self.batches.steps_per_epoch:
            summaries.write(global_step, metrics | {"examples_per_second": examples_per_second}, "train")
        every = self.options.checkpoint_steps
        if every and global_step % every == 0 and state.step_in_epoch < self.batches.steps_per_epoch:
            state.save(self.run_dir, self.model, self.optimizer)

    def _check_finite(self, metrics: dict, ids: Sequence[str]) -> None:
        if not math.isfinite(metrics["loss"]):
            raise StrtfError(
                f"The loss must be finite. Received: {metrics['loss']} at step {self._global_step + 1}, "
                f"sentences {', '.join(map(shown, ids))}. "
                "Lower --learning_rate and --head_learning_rate, or train with --precision=float32."
            )

    def _averaged(self) -> contextlib.AbstractContextManager:
        """Inside, the model has the weights that are scored and kept."""
        return averaged_weights(self.model, self.optimizer) if self.options.ema_decay else contextlib.nullcontext()

    def _development_scores(self, summaries: Summaries) -> dict:
        if not self.dev:
            return {}
        answers = tune_decision(self.extractor, self.dev, self.options)
        scores = evaluate(self.extractor, self.dev, *answers)
        f1 = {name: score["f1"] for name, score in scores.items() if "f1" in score}
        summaries.write(self.state.epoch + 1, f1, "dev_f1")
        return {"dev_f1": f1}

    def _keep_if_best(self, record: dict) -> None:
        state = self.state
        score = record.get("dev_f1", {}).get(self.options.select_by.value, 0.0)
        # while nothing is found at all, the latest weights are the best known
        if score > state.best_f1 or state.best_f1 <= 0.0 or not self.dev:
            state.best_f1, state.best_epoch = score, record["epoch"]
            values = named_values(self.model.trainable_variables)
            write_tensors(self.run_dir.weights, values, self.extractor.decision.to_json())

    def _finish_epoch(self, record: dict) -> None:
        state = self.state
        state.epoch += 1
        state.step_in_epoch, state.loss_sums = 0, {}
        state.history.append(record | {"best": state.best_epoch == state.epoch})
        with replacing(self.run_dir.history) as partial:
            partial.write_text("".join(json.dumps(row) + "\n" for row in state.history), encoding="utf-8")
        state.save(self.run_dir, self.model, self.optimizer)
        print(_epoch_line(state.history[-1]), flush=True)


def _epoch_line(record: dict) -> str:
    losses = "  ".join(f"{name} {value:.3f}" for name, value in record.items() if name.startswith("loss_"))
    scores = "  ".join(f"{name} {100 * f1:.2f}" for name, f1 in record.get("dev_f1", {}).items())
    best = "  (best so far)" if record["best"] else ""
    return f"epoch {record['epoch']:>3}  {record['seconds']:.0f} s  {losses}  dev F1: {scores or 'no dev split'}{best}"
