"""What the loop decides: the best epoch, patience, when to stop on a broken loss, what is written."""

import json
import types

import keras
import numpy as np
import pytest

from strtf.config import Experiment, ModelOptions, SelectBy, Tasks, TrainingOptions
from strtf.errors import StrtfError
from strtf.extraction.decision import Decision
from strtf.models.base import TASKS_OF
from strtf.run_dir import RunDir, read_tensors
from strtf.training import loop

STEPS = 3


class Batches:
    """Three batches of two sentences in each epoch."""

    steps_per_epoch = STEPS

    def epoch(self, epoch, first_step=0):
        for step in range(first_step, STEPS):
            yield [f"s{2 * step}", f"s{2 * step + 1}"], {"epoch": epoch, "step": step}


@pytest.fixture
def trainer(tmp_path, monkeypatch):
    """trainer(dev scores of each epoch, …): a Trainer whose one weight counts the steps taken."""

    def make(scores=(), dev=True, losses=None, tasks=Tasks.JOINT, **options):
        weight = keras.Variable(0.0, name="weight")
        model = types.SimpleNamespace(variables=[weight], trainable_variables=[weight], tasks=TASKS_OF[tasks])
        # its average of any weight is the weight less 1
        averages = lambda variables: [variable.assign_sub(1.0) for variable in variables]  # noqa: E731
        optimizer = types.SimpleNamespace(variables=[], iterations=1, finalize_variable_values=averages)
        remaining = iter(scores)
        monkeypatch.setattr(loop, "evaluate", lambda extractor, sentences, *answers: next(remaining))
        monkeypatch.setattr(loop, "tune_decision", lambda extractor, sentences, options: raised(extractor))

        def step(batch):
            weight.assign_add(1.0)
            loss = 1.0 if losses is None else losses[int(weight.value) - 1]
            return {"loss": loss, "loss_ner": loss / 2, "gradient_norm": 5.0, "learning_rate": 0.1}

        experiment = Experiment(model=ModelOptions(tasks=tasks), training=TrainingOptions(**options))
        extractor = types.SimpleNamespace(model=model, decision=Decision())
        return loop.Trainer(
            experiment, RunDir(tmp_path), extractor, step, optimizer, Batches(), ["sentence"] if dev else []
        )

    return make


def raised(extractor):
    """Thresholds that show how often they were tuned; no answers."""
    extractor.decision.relation_threshold += 1.0
    extractor.decision.entity_threshold += 0.1
    return ()


def saved_thresholds(run_dir):
    state = read_tensors(run_dir.weights)[1]
    return state["relation_threshold"] - Decision().relation_threshold, state["entity_threshold"]


def f1(value, others=0.0):
    scores = {row: {"f1": others} for row in ("ner", "rc_gold", "rc_boundaries")} | {"rc_predicted": {"f1": value}}
    return scores | {"per_type": {}, "macro_f1": {}, "not_representable": {}}


def saved_weight(run_dir):
    return float(read_tensors(run_dir.weights)[0]["weight"])


def history(run_dir):
    return [json.loads(line) for line in run_dir.history.read_text().splitlines()]


def test_the_best_epoch_is_kept(trainer):
    run = trainer([f1(0.2), f1(0.6), f1(0.5)], epochs=3)
    state = run.fit()
    assert (state.best_epoch, state.best_f1) == (2, 0.6)
    assert saved_weight(run.run_dir) == 2 * STEPS
    assert [row["best"] for row in history(run.run_dir)] == [True, True, False]


def test_the_best_epoch_keeps_its_thresholds(trainer):
    run = trainer([f1(0.2), f1(0.6), f1(0.5)], epochs=3)
    run.fit()
    assert saved_thresholds(run.run_dir) == (2.0, 0.2)


def test_without_development_sentences_no_threshold_is_tuned(trainer):
    run = trainer([], epochs=1, dev=False)
    run.fit()
    assert saved_thresholds(run.run_dir) == (0.0, 0.0)


def test_averaged_weights_are_scored_and_kept_and_training_goes_on_from_its_own(trainer, monkeypatch):
    run, scored = trainer(epochs=2, ema_decay=0.9), []
    monkeypatch.setattr(
        loop, "evaluate", lambda extractor, *_, **__: scored.append(float(run.model.variables[0])) or f1(0.5)
    )
    run.fit()
    assert scored == [STEPS - 1, 2 * STEPS - 1]
    assert saved_weight(run.run_dir) == STEPS - 1
    assert float(read_tensors(run.run_dir.checkpoint)[0]["model/weight"]) == 2 * STEPS


def test_of_equal_epochs_the_first_is_kept(trainer):
    run = trainer([f1(0.4), f1(0.4)], epochs=2)
    assert run.fit().best_epoch == 1
    assert saved_weight(run.run_dir) == STEPS


def test_weights_are_kept_even_where_nothing_is_found(trainer):
    run = trainer([f1(0.0), f1(0.0)], epochs=2)
    assert run.fit().best_epoch == 2  # the latest: the other task may have learned meanwhile
    assert saved_weight(run.run_dir) == 2 * STEPS


@pytest.mark.parametrize(("select_by", "best"), [(SelectBy.RC_PREDICTED, 1), (SelectBy.NER, 2)])
def test_the_score_that_chooses_is_an_option(trainer, select_by, best):
    run = trainer([f1(0.9, others=0.1), f1(0.1, others=0.9)], epochs=2, select_by=select_by)
    assert run.fit().best_epoch == best


@pytest.mark.parametrize(("tasks", "row"), [(Tasks.NER, "ner"), (Tasks.RC, "rc_gold")])
def test_a_single_task_chooses_by_its_own_score(trainer, tasks, row):
    run = trainer([{row: {"f1": 0.3}}, {row: {"f1": 0.7}}], tasks=tasks, epochs=2)
    assert run.fit().best_epoch == 2


def test_without_development_sentences_the_last_epoch_counts(trainer):
    run = trainer(dev=False, epochs=2, patience=1)
    assert run.fit().best_epoch == 2
    assert saved_weight(run.run_dir) == 2 * STEPS
    assert "dev_f1" not in history(run.run_dir)[0]


def test_patience_stops_after_so_many_epochs_without_a_better_one(trainer):
    scores = [f1(0.1), f1(0.5), f1(0.4), f1(0.5), f1(0.9)]
    state = trainer(scores, epochs=5, patience=2).fit()
    assert (state.epoch, state.best_epoch) == (4, 2)


def test_no_patience_runs_all_epochs(trainer):
    assert trainer([f1(0.5), f1(0.4), f1(0.3), f1(0.2)], epochs=4).fit().epoch == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_names_step_and_sentences(trainer, value):
    run = trainer([f1(0.5)], losses=[1.0] * 4 + [value], epochs=2)
    with pytest.raises(StrtfError) as caught:
        run.fit()
    message = str(caught.value)
    assert f"Received: {value} at step 5, sentences 's2', 's3'." in message
    assert "Lower --learning_rate" in message and "--precision=float32" in message and "\n" not in message
    assert saved_weight(run.run_dir) == STEPS  # the best epoch stays


def test_history_holds_mean_losses_and_scores(trainer):
    run = trainer([f1(0.25, others=0.5)], losses=[1.0, 2.0, 6.0], epochs=1)
    run.fit()
    [row] = history(run.run_dir)
    assert (row["epoch"], row["loss"], row["loss_ner"]) == (1, 3.0, 1.5)
    assert row["dev_f1"] == {"ner": 0.5, "rc_gold": 0.5, "rc_boundaries": 0.5, "rc_predicted": 0.25}
    assert row["seconds"] >= 0


def test_an_epoch_prints_a_line(trainer, capsys):
    trainer([f1(0.25)], epochs=1).fit()
    out = capsys.readouterr().out
    assert "epoch   1" in out and "rc_predicted 25.00" in out and "(best so far)" in out


@pytest.mark.parametrize(("every", "expected"), [(0, [(1, 0)]), (2, [(0, 2), (1, 0)]), (1, [(0, 1), (0, 2), (1, 0)])])
def test_checkpoints_come_every_so_many_steps_and_after_each_epoch(trainer, monkeypatch, every, expected):
    saved = []
    monkeypatch.setattr(loop.TrainingState, "save", lambda self, *_: saved.append((self.epoch, self.step_in_epoch)))
    trainer([f1(0.5)], epochs=1, checkpoint_steps=every).fit()
    assert saved == expected


def test_a_finished_run_has_nothing_left_to_do(trainer):
    trainer([f1(0.5)], epochs=1).fit()
    again = trainer([], epochs=1)
    again.restore()
    assert again.finished
    assert again.fit().best_f1 == 0.5


def test_restoring_goes_on_in_the_middle_of_an_epoch(trainer):
    run = trainer([f1(0.5)], losses=[1.0, 2.0, float("nan")], epochs=1, checkpoint_steps=1)
    with pytest.raises(StrtfError):
        run.fit()
    again = trainer([f1(0.5)], losses=[1.0, 2.0, 6.0], epochs=1)
    again.restore()
    assert again.fit().history[0]["loss"] == 3.0
    assert np.float32(3.0) == saved_weight(again.run_dir)
