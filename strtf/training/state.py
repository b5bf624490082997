"""Everything an interrupted training needs to go on as if nothing had happened.

The data order is a function of seed and epoch (`data/batches.py`), dropout's random state is among the model's
variables: so model, optimizer and the few numbers here are the whole state.
"""

import dataclasses

from strtf.errors import StrtfError
from strtf.models.build import assign_named, named_values
from strtf.run_dir import RunDir, read_tensors, write_tensors


@dataclasses.dataclass
class TrainingState:
    """Where a training stands.

    Attributes:
        epoch: finished epochs.
        step_in_epoch: finished steps of the running epoch.
        best_f1, best_epoch: best development score (0..1) so far and its epoch, counted from 1; 0: none yet.
        loss_sums: sums of the running epoch's losses, by name.
        history: one record per finished epoch.
    """

    epoch: int = 0
    step_in_epoch: int = 0
    best_f1: float = -1.0
    best_epoch: int = 0
    loss_sums: dict = dataclasses.field(default_factory=dict)
    history: list = dataclasses.field(default_factory=list)

    def save(self, run_dir: RunDir, model, optimizer) -> None:
        """Writes the checkpoint: all variables of the model and of the optimizer, and this state, in one file."""
        tensors = {f"model/{name}": value for name, value in named_values(model.variables).items()}
        tensors |= {f"optimizer/{name}": value for name, value in named_values(optimizer.variables).items()}
        write_tensors(run_dir.checkpoint, tensors, dataclasses.asdict(self))

    @classmethod
    def restore(cls, run_dir: RunDir, model, optimizer) -> "TrainingState":
        """The state in the checkpoint; model and optimizer take its variables.

        Raises:
            StrtfError: the checkpoint cannot be read, or its state or variables are not those that `save` writes for
                this model and optimizer.
        """
        tensors, state = read_tensors(run_dir.checkpoint)
        _check_names(state, run_dir)
        for prefix, variables in (("model/", model.variables), ("optimizer/", optimizer.variables)):
            values = {name.removeprefix(prefix): v for name, v in tensors.items() if name.startswith(prefix)}
            assign_named(variables, values, str(run_dir.checkpoint))
        return cls(**state)


def _check_names(state: dict, run_dir: RunDir) -> None:
    names = {field.name for field in dataclasses.fields(TrainingState)}
    complaints = [f"{name} missing" for name in sorted(names - state.keys())]
    complaints += [f"{name} unexpected" for name in sorted(state.keys() - names)]
    if complaints:
        raise StrtfError(
            f"{run_dir.checkpoint} must hold the state of a training of this version. Received: "
            f"{'; '.join(complaints)}. Restore it, or train again in another --run_dir."
        )
