import dataclasses
import json

import pytest

from strtf.config import (
    DataOptions,
    Experiment,
    ModelOptions,
    OverlapPolicy,
    RcCompute,
    RcFeatures,
    RcMask,
    SelectBy,
    System,
    Tasks,
    TrainingOptions,
    from_values,
    option_fields,
)
from strtf.errors import StrtfError

GROUPS = (DataOptions, ModelOptions, TrainingOptions)
ALL_FIELDS = [(group, field) for group in GROUPS for field in option_fields(group)]
EXPERIMENT = Experiment(
    DataOptions(data_dir="angiography", overlaps=OverlapPolicy.FIRST),
    ModelOptions(num_task_blocks=2, rc_mask=RcMask.CLS_FOCUSED, rc_features=RcFeatures.CLS, dropout=0.2),
    TrainingOptions(seed=3, learning_rate=5e-5),
)


def bounded(side):
    return [pytest.param(g, f, id=f.name) for g, f in ALL_FIELDS if f.metadata[side] is not None]


class TestOptions:
    @pytest.mark.parametrize(("group", "field"), bounded("low"))
    def test_value_below_its_bound(self, group, field):
        with pytest.raises(StrtfError, match=rf"^--{field.name} must be (at least|between) .* Received: "):
            group(**{field.name: field.metadata["low"] - 1})

    @pytest.mark.parametrize(("group", "field"), bounded("high"))
    def test_value_above_its_bound(self, group, field):
        with pytest.raises(StrtfError, match=rf"^--{field.name} must be between .* Received: "):
            group(**{field.name: field.metadata["high"] + 0.5})

    @pytest.mark.parametrize("side", ["low", "high"])
    def test_bounds_are_inclusive(self, side):
        for group, field in ALL_FIELDS:
            if (bound := field.metadata[side]) is not None:
                assert getattr(group(**{field.name: bound}), field.name) == bound

    def test_nan_is_out_of_bounds(self):
        with pytest.raises(StrtfError, match="--dropout must be between 0.0 and 0.9. Received: nan"):
            ModelOptions(dropout=float("nan"))

    def test_names_are_unique_across_groups(self):
        names = [field.name for _, field in ALL_FIELDS]
        assert len(names) == len(set(names))

    @pytest.mark.parametrize(("group", "field"), ALL_FIELDS, ids=lambda x: getattr(x, "name", ""))
    def test_help_is_a_sentence(self, group, field):
        assert field.metadata["help"].rstrip(")").endswith(".")


class TestFromValues:
    def test_plain_text_becomes_an_enum(self):
        assert from_values(ModelOptions, {"rc_mask": "cls_focused"}).rc_mask is RcMask.CLS_FOCUSED

    def test_unknown_choice_lists_the_choices(self):
        with pytest.raises(StrtfError, match="--rc_mask must be one of cls_focused, pair_focused. Received: 'eq13'"):
            from_values(ModelOptions, {"rc_mask": "eq13"})

    def test_unknown_name_lists_the_names(self):
        with pytest.raises(StrtfError, match=r"^Options must be among batch_size, .*weight_decay. Received: 'batch'\."):
            from_values(TrainingOptions, {"batch": 8})


class TestExperiment:
    @pytest.mark.parametrize(
        ("system", "tasks", "has"),
        [(System.BILSTM_CRF, Tasks.JOINT, "ner"), (System.RDCNN, Tasks.RC, "ner"), (System.CNN, Tasks.NER, "rc"),
         (System.RCN, Tasks.JOINT, "rc")],
    )  # fmt: skip
    def test_a_task_that_the_system_does_not_have(self, system, tasks, has):
        message = f"^--tasks must be {has} for --system={system}. Received: {tasks}. Set --tasks={has}"
        with pytest.raises(StrtfError, match=message):
            Experiment(model=ModelOptions(system=system, tasks=tasks))

    @pytest.mark.parametrize("system", [System.SPERT, System.JOINT_BILSTM])
    def test_k_concerns_only_the_focused_attention_model(self, system):
        assert Experiment(model=ModelOptions(system=system, num_task_blocks=0)).model.num_task_blocks == 0

    @pytest.mark.parametrize("given", [{"system": "spert"}, {"embedding_size": 7}, {"units": 7}])
    def test_a_trained_run_keeps_its_system_and_sizes(self, given):
        with pytest.raises(StrtfError, match=f"the run was trained with. .*--{next(iter(given))}: "):
            EXPERIMENT.override({"model": given})

    def test_json_round_trip(self):
        assert Experiment.from_json(json.loads(json.dumps(EXPERIMENT.to_json()))) == EXPERIMENT

    def test_missing_values_are_defaults(self):
        assert Experiment.from_json({}) == Experiment()

    def test_relations_without_task_blocks(self):
        with pytest.raises(StrtfError, match="num_task_blocks must be at least 1 where relations are trained"):
            Experiment(model=ModelOptions(num_task_blocks=0))

    def test_ner_without_task_blocks(self):
        assert Experiment(model=ModelOptions(num_task_blocks=0, tasks=Tasks.NER)).model.num_task_blocks == 0

    @pytest.mark.parametrize(
        ("tasks", "select_by"),
        [(Tasks.NER, SelectBy.NER), (Tasks.RC, SelectBy.RC_GOLD), (Tasks.JOINT, SelectBy.RC_PREDICTED)],
    )
    def test_one_task_is_selected_by_its_only_score(self, tasks, select_by):
        assert Experiment(model=ModelOptions(tasks=tasks)).training.select_by is select_by

    def test_is_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            EXPERIMENT.model.dropout = 0.5


class TestDifferences:
    def changed(self, **model):
        return dataclasses.replace(EXPERIMENT, model=dataclasses.replace(EXPERIMENT.model, **model))

    def test_none_with_itself(self):
        assert EXPERIMENT.differences(self.changed()) == []

    def test_names_both_values(self):
        assert EXPERIMENT.differences(self.changed(dropout=0.3)) == ["--dropout: 0.2 against 0.3"]

    def test_operational_options_may_differ(self):
        assert EXPERIMENT.differences(self.changed(rc_compute=RcCompute.DENSE, rc_memory_mb=64)) == []


class TestOverride:
    def test_replaces_what_is_given(self):
        assert EXPERIMENT.override({"data": {"test_data": "new.jsonl"}}).data == dataclasses.replace(
            EXPERIMENT.data, test_data="new.jsonl"
        )

    def test_keeps_the_rest(self):
        assert EXPERIMENT.override({"data": {"test_data": "new.jsonl"}}).model == EXPERIMENT.model

    def test_a_directory_takes_the_place_of_files(self):
        files = DataOptions(train_data="a", dev_data="b", test_data="c", schema="s")
        found = Experiment(data=files).override({"data": {"data_dir": "new", "test_data": "d"}})
        assert found.data == DataOptions(data_dir="new", test_data="d", schema="s")

    def test_same_value_of_a_fixed_option_is_fine(self):
        assert EXPERIMENT.override({"model": {"num_task_blocks": 2}}) == EXPERIMENT

    @pytest.mark.parametrize(
        ("group", "name", "value"),
        [
            ("model", "num_task_blocks", 3),
            ("model", "rc_mask", "pair_focused"),
            ("model", "encoder", "elsewhere"),
            ("model", "tokenization", "wordpiece"),
            ("model", "lowercase", False),
            ("model", "tasks", "rc"),
            ("data", "schema", "other.json"),
        ],
    )
    def test_refuses_what_weights_do_not_fit(self, group, name, value):
        with pytest.raises(StrtfError, match=f"must agree with those the run was trained with.*--{name}: "):
            EXPERIMENT.override({group: {name: value}})

    @pytest.mark.parametrize(
        ("group", "name", "value", "wanted"),
        [
            ("training", "epochs", "3", "int"),
            ("training", "epochs", True, "int"),
            ("training", "learning_rate", None, "float"),
            ("model", "lowercase", 1, "bool"),
            ("data", "train_data", 5, "str"),
        ],
    )
    def test_value_of_a_wrong_type(self, group, name, value, wanted):
        with pytest.raises(StrtfError, match=f"--{name} must be of type {wanted}. Received: {value!r}"):
            EXPERIMENT.override({group: {name: value}})

    def test_an_integer_may_stand_for_a_float(self):
        assert EXPERIMENT.override({"training": {"clip_norm": 2}}).training.clip_norm == 2

    def test_wrong_choice_lists_the_choices(self):
        with pytest.raises(StrtfError, match="--overlaps must be one of error, longest, outermost, first"):
            EXPERIMENT.override({"data": {"overlaps": "shortest"}})
