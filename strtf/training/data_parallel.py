"""One batch on all devices of a machine, on JAX: XLA divides the program of one device along the axes of its inputs.

The sentences of a batch, and the pairs of each chunk, lie in equal parts on the devices; weights are everywhere. The
program is the one for a single device, and means the same: XLA adds what the devices have to tell each other (GSPMD,
Xu et al. 2021, arXiv 2105.04663). So losses and weights differ from those of one device by rounding alone, and dropout
draws the same masks.
"""

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from strtf.errors import StrtfError

_AXIS = "data"


class DataParallel:
    """Where the arrays of a training step lie.

    Args:
        devices: as many as share a batch.

    Attributes:
        everywhere: the sharding of weights and of all that the optimizer keeps.
    """

    def __init__(self, devices=None):
        self._devices = jax.devices() if devices is None else devices
        mesh = jax.sharding.Mesh(np.array(self._devices), (_AXIS,))
        self.everywhere = NamedSharding(mesh, PartitionSpec())
        self._by_axis = NamedSharding(mesh, PartitionSpec(_AXIS)), NamedSharding(mesh, PartitionSpec(None, _AXIS))

    def __len__(self) -> int:
        return len(self._devices)

    def check(self, batch_size: int) -> None:
        """Raises StrtfError where the sentences of a batch cannot be divided."""
        if batch_size % len(self):
            raise StrtfError(
                f"--batch_size must be a multiple of the {len(self)} devices under --data_parallel. "
                f"Received: {batch_size}. Try {max(batch_size // len(self), 1) * len(self)}."
            )

    def repeat(self, arrays: list) -> list:
        """The arrays, on all devices; those that are there already as they are."""
        return [a if a.sharding == self.everywhere else jax.device_put(a, self.everywhere) for a in arrays]

    def share(self, batch: dict) -> dict:
        """A batch in parts: sentences and pairs by their first axis, those of stacked chunks [C, P] by the second."""
        shared = {name: self._part(array, 0) for name, array in batch.items() if name != "chunks"}
        if "chunks" in batch:
            shared["chunks"] = tuple(
                {name: self._part(array, 1) for name, array in group.items()} for group in batch["chunks"]
            )
        return shared

    def _part(self, array, axis: int):
        """An array that cannot be divided, or is a number, is everywhere: no less right, but no work is saved."""
        divides = np.ndim(array) > axis and array.shape[axis] % len(self) == 0
        return jax.device_put(array, self._by_axis[axis] if divides else self.everywhere)
