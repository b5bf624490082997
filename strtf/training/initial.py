"""Initial weights from a finished run: to go on with more reports, or to others that are labelled otherwise."""

from strtf.errors import StrtfError
from strtf.extraction.load import read_encoder
from strtf.models.base import ExtractionModel
from strtf.models.build import assign_named, by_name
from strtf.pretrained.pretrained_bert import PretrainedBert
from strtf.run_dir import RunDir, read_tensors
from strtf.schema import Schema


def begin_with(model: ExtractionModel, run_dir: RunDir, schema: Schema, pretrained: PretrainedBert) -> str:
    """Gives a model the best weights of a run: all of them where its labels are the same, else its encoder's.

    Args:
        model: as built for the new run, with its pretrained weights.
        run_dir: of the finished run.
        schema, pretrained: the new run's.

    Returns:
        what was taken, to be told.

    Raises:
        StrtfError: no finished run; another system or encoder; labels that differ where nothing is pretrained; options
            under which the weights have other names or shapes.
    """
    if not (run_dir.exists() and run_dir.weights.exists()):
        raise StrtfError(f"--initial_run must hold a trained run. Received: {run_dir.path}.")
    source = f"--initial_run={run_dir.path}"
    system = run_dir.read_experiment().model.system
    if system != model.name:
        raise StrtfError(f"{source} must be a run of --system={model.name}, as this one. Received: {system}.")
    if read_encoder(run_dir) != (pretrained.config, pretrained.vocabulary):
        raise StrtfError(
            f"{source} must be a run with the same encoder. Received: one of other sizes or another vocabulary. "
            "Give the run's --encoder, or leave --initial_run out."
        )
    values, _ = read_tensors(run_dir.weights)
    if _labels(run_dir.read_schema()) == _labels(schema):
        assign_named(model.trainable_variables, values, source)
        return f"Beginning with the weights of {run_dir.path}."
    if model.pretrained is None:
        raise StrtfError(
            f"{source} must have the same entity types and relation classes where a system has no pretrained encoder. "
            f"Received: others. Give its labels, --schema={run_dir.schema}, or leave --initial_run out."
        )
    names = by_name(model.pretrained.trainable_variables)
    assign_named(names.values(), {name: value for name, value in values.items() if name in names}, source)
    return (
        f"Beginning with the encoder of {run_dir.path}; its labels are others, so tags and relations are learnt anew "
        f"(--schema={run_dir.schema} keeps its labels)."
    )


def _labels(schema: Schema) -> tuple:
    return schema.entity_types, schema.relation_classes
