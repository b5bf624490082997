"""Models from an experiment, and their variables as named arrays."""

import dataclasses
import re

import keras
import numpy as np

from strtf.config import Experiment, System
from strtf.errors import StrtfError
from strtf.layers.str_encoder import EncoderConfig
from strtf.models.base import ExtractionModel
from strtf.models.bilstm_crf import BilstmCrf
from strtf.models.cnn import Cnn
from strtf.models.focused_attention import FocusedAttention
from strtf.models.joint_bilstm import JointBilstm
from strtf.models.rcn import Rcn
from strtf.models.rdcnn import Rdcnn
from strtf.models.spert import Spert
from strtf.schema import Schema
from strtf.text.bieos import TagScheme
from strtf.text.surface import NUM_FORMS

# Keras counts the unnamed objects of a process; a run's names must not depend on what was built before.
_AUTO_NUMBER = re.compile(r"^(\w+?)_\d+(?=/)")


PRETRAINED = (System.FOCUSED_ATTENTION, System.SPERT)
SYSTEMS = {
    System.FOCUSED_ATTENTION: FocusedAttention,
    System.SPERT: Spert,
    System.JOINT_BILSTM: JointBilstm,
    System.BILSTM_CRF: BilstmCrf,
    System.RDCNN: Rdcnn,
    System.CNN: Cnn,
    System.RCN: Rcn,
}


def build_model(experiment: Experiment, config: EncoderConfig, schema: Schema, trains: bool = True) -> ExtractionModel:
    """The experiment's model with fresh weights.

    Args:
        trains: False keeps an encoder's weights in the precision they are multiplied in, so that no call casts them.
            The numbers are the same.

    Raises:
        StrtfError: K > N, windows longer than the encoder's positions.
    """
    options = experiment.model
    if options.system is System.FOCUSED_ATTENTION and options.num_task_blocks > config.num_blocks:
        raise StrtfError(
            f"--num_task_blocks (K) must be at most {config.num_blocks}, the blocks of the encoder. "
            f"Received: {options.num_task_blocks}."
        )
    if options.max_tokens > config.max_positions and options.system in PRETRAINED:
        raise StrtfError(
            f"--max_tokens must be at most {config.max_positions}, the positions of the encoder. "
            f"Received: {options.max_tokens}."
        )
    config = dataclasses.replace(config, num_forms=NUM_FORMS if options.tells_forms else 1)
    precision = experiment.training.precision.value
    if not trains and options.system in PRETRAINED:
        precision = precision.removeprefix("mixed_")
    model = SYSTEMS[options.system](
        config,
        options,
        TagScheme(schema.entity_types),
        schema.num_classes,
        dtype=precision,
        name=options.system.value,
    )
    model.rdrop_weight = experiment.training.rdrop_weight
    return model


def by_name(variables) -> dict[str, keras.Variable]:
    """Variables by path, as `named_values` has them."""
    named = {}
    for variable in variables:
        path, number = _AUTO_NUMBER.sub(r"\1", variable.path), 1
        name = path
        while name in named:
            number += 1
            name = f"{path}#{number}"
        named[name] = variable
    return named


def named_values(variables) -> dict[str, np.ndarray]:
    """Variables as arrays by path; a path that occurs again gets a number."""
    return {name: keras.ops.convert_to_numpy(variable) for name, variable in by_name(variables).items()}


def assign_named(variables, values: dict[str, np.ndarray], source: str) -> None:
    """Sets every variable from `values`; nothing is assigned unless all names and shapes agree.

    Raises:
        StrtfError: lists the names that are missing, unexpected or of another shape.
    """
    named = by_name(variables)
    complaints = [f"{name} missing" for name in named.keys() - values.keys()]
    complaints += [f"{name} unexpected" for name in values.keys() - named.keys()]
    complaints += [
        f"{name} has shape {values[name].shape}, not {tuple(variable.shape)}"
        for name, variable in named.items()
        if name in values and values[name].shape != tuple(variable.shape)
    ]
    if complaints:
        shown = "; ".join(sorted(complaints)[:8]) + (f"; and {len(complaints) - 8} more" if len(complaints) > 8 else "")
        raise StrtfError(f"{source} must fit the run's config. Received: {shown}. Use the config it was saved with.")
    for name, variable in named.items():
        variable.assign(values[name])
